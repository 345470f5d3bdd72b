import { serveDryRun } from "../../../shared/collector/dry-run/dry-run-worker.ts";
import { nacosConvertSource } from "./convert-nacos.ts";

await serveDryRun(nacosConvertSource);
