import { serveDryRun } from "../../../shared/collector/dry-run/dry-run-worker.ts";
import { eurekaConvertSource } from "./convert-eureka.ts";

await serveDryRun(eurekaConvertSource);
