#!/usr/bin/env node
import { start } from "../../shared/runtime/start.mjs";

await start(() => import("./main.ts"));
