import { afterAll, beforeAll, describe } from "vitest";
import { openCluster } from "../../shared/kubernetes/open-cluster.ts";
import { SuiteContext } from "./kubernetes-suite-context.ts";
import type { KubernetesSuiteServer } from "./kubernetes-suite-context.ts";
import { accessTests } from "./kubernetes-suite-access.ts";
import { faultTests } from "./kubernetes-suite-faults.ts";
import { protocolTests } from "./kubernetes-suite-protocol.ts";
import { readingTests } from "./kubernetes-suite-reading.ts";

/** What is tested. */
export interface KubernetesSuiteOptions {
  readonly start: () => Promise<KubernetesSuiteServer>;
  /** Whether the server takes WatchLists (Kubernetes 1.34; off in 1.33). */
  readonly hasWatchList: boolean;
  /** How clusters are opened; default: `openCluster`. */
  readonly open?: typeof openCluster;
}

/**
 * What we rely on in an API server, and what collectors rely on in our client. It passes with a real server, and with the
 * simulator: what is tested against that one holds for a real server.
 */
export function kubernetesSuite(
  name: string,
  { start, hasWatchList, open = openCluster }: KubernetesSuiteOptions,
): void {
  describe(name, { timeout: 150_000 }, () => {
    const suite = new SuiteContext(start, open);
    beforeAll(() => suite.begin(), 150_000);
    afterAll(() => suite[Symbol.asyncDispose]());

    protocolTests(suite, hasWatchList);
    readingTests(suite, hasWatchList);
    accessTests(suite);
    faultTests(suite);
  });
}
