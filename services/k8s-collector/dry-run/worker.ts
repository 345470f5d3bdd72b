import { serveDryRun } from "../../../shared/collector/dry-run/dry-run-worker.ts";
import { kubernetesConvertSource } from "./convert-kubernetes.ts";

await serveDryRun(kubernetesConvertSource);
