import type { StartCompanion } from "../../../shared/collector/collector-main.ts";
import { wantsPodFacts } from "../../../shared/config/mod.ts";
import { openFactsLog } from "../../../shared/entry-log/open-entry-log.ts";
import { FactsService } from "./facts-service.ts";

/** Publishes facts of pods beside the Services of clusters, if a source of another registry wants them. */
export const publishFacts: StartCompanion = async ({ config, metrics, member }, context) => {
  if (!wantsPodFacts(config)) return undefined;
  const factsLog = context.use(await openFactsLog(config, "k8s-collector", context.log));
  return await FactsService.start({ config, factsLog, member, metrics }, context);
};
