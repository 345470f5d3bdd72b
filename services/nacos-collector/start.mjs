import { start } from "../../shared/runtime/start.mjs";

await start(() => import("./main.ts"), { keepsYoungGenerationSmall: true });
