import { serveDryRun } from "../../../shared/collector/dry-run/dry-run-worker.ts";
import { zookeeperConvertSource } from "./convert-zookeeper.ts";

await serveDryRun(zookeeperConvertSource);
