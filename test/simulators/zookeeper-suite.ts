import { afterAll, beforeAll, describe } from "vitest";
import { SuiteContext } from "./zookeeper-suite-client.ts";
import type { OpenClient, ZooKeeperSuiteServer } from "./zookeeper-suite-client.ts";
import { nodeTests } from "./zookeeper-suite-nodes.ts";
import { sessionTests } from "./zookeeper-suite-sessions.ts";
import { watchTests } from "./zookeeper-suite-watches.ts";

export type { ZooKeeperSuiteServer };

/** What is tested. */
export interface ZooKeeperSuiteOptions {
  /** Starts a server that grants sessions of 4 to 30 s, as they all do with the usual `tickTime` of 2000 ms. */
  readonly start: () => Promise<ZooKeeperSuiteServer>;
  readonly open: OpenClient;
  /** Whether server and driver have tree watches. */
  readonly hasTreeWatches: boolean;
  /** How many children the largest node gets; each takes a real server a quarter of a millisecond to create. */
  readonly crowd: number;
}

/**
 * What we rely on in a ZooKeeper client and a ZooKeeper server. Our client and the native one pass it with real
 * servers, and our client passes it with the simulator: what is tested against that one holds for a real server.
 */
export function zooKeeperSuite(
  name: string,
  { start, open, hasTreeWatches, crowd }: ZooKeeperSuiteOptions,
): void {
  describe(name, { timeout: 150_000 }, () => {
    const suite = new SuiteContext(start, open);
    beforeAll(() => suite.begin(), 150_000);
    afterAll(() => suite[Symbol.asyncDispose]());

    nodeTests(suite, crowd);
    watchTests(suite, hasTreeWatches);
    sessionTests(suite);
  });
}
