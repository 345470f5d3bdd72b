import type { StartCompanion } from "../../../shared/collector/collector-main.ts";
import { enabledSources, wantsPodFacts } from "../../../shared/config/mod.ts";
import { openFactsLog } from "../../../shared/entry-log/open-entry-log.ts";
import { errorText, isMeshError } from "../../../shared/runtime/errors.ts";
import { FactsService } from "./facts-service.ts";

/**
 * Publishes facts of pods beside the Services of clusters, if a source of another registry wants them. Without access to
 * Kubernetes the sources are read all the same. @throws MeshError `configuration` if there is nothing else to do either
 */
export const publishFacts: StartCompanion = async ({ config, metrics, member }, context) => {
  if (!wantsPodFacts(config)) return undefined;
  const factsLog = context.use(await openFactsLog(config, "k8s-collector", context.log));
  try {
    return await FactsService.start({ config, factsLog, member, metrics }, context);
  } catch (error) {
    if (!isMeshError(error, "configuration") || enabledSources(config, "k8sSource").length === 0) throw error;
    context.log.warn(
      { reason: errorText(error) },
      "pods can't be read: endpoints get no labels of pods; give access to Kubernetes, or set k8s.podFacts to false",
    );
    return undefined;
  }
};
