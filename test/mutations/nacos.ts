import type { Mutation } from "./mutations.ts";

const cluster = "services/nacos-collector/view/cluster.ts";
const belief = "services/nacos-collector/view/belief.ts";
const queries = "services/nacos-collector/view/service-queries.ts";
const view = "services/nacos-collector/view/nacos-view.ts";
const settling = "services/nacos-collector/view/settling.ts";

/** Faults in what a Nacos collector believes: the unit tests of it have to notice each of them. */
export const nacosFaults: readonly Mutation[] = [
  {
    what: "what a new connection lacks is gone at once",
    file: belief,
    find: "if (isNewConnection) {\n        doubts.set(key,",
    replace: "if (isNewConnection && by.sinceMs < 0) {\n        doubts.set(key,",
  },
  {
    what: "what is missing in a poll is gone at once",
    file: belief,
    find: "} else if (isIncomplete || !by.breaksAtRestart) {",
    replace: "} else if (isIncomplete) {",
  },
  {
    what: "what the query about another instance lacks is gone at once",
    file: belief,
    find: "if (answer.invalid.length > 0 || !this.#breaksAtRestart)",
    replace: "if (answer.invalid.length > 0)",
  },
  {
    what: "what is known without a cluster that was never read is taken for all there is",
    file: cluster,
    find: "return !this.isPartial && !this.#some",
    replace: "return !this.#some",
  },
  {
    what: "time goes backwards when the connection moves",
    file: belief,
    find: "const isOtherServer = by.server !== this.#server;",
    replace: "const isOtherServer = false;",
  },
  {
    what: "instances that come without end keep a lost one for ever",
    file: belief,
    find: "Math.max(doubt.dueMs, Math.min(grownMs, doubt.latestMs))",
    replace: "Math.max(doubt.dueMs, grownMs)",
  },
  {
    what: "an answer that a push overtook counts",
    file: queries,
    find: "followed.snapshots === snapshots && ",
    replace: "snapshots >= 0 && ",
  },
  {
    what: "a young connection is taken for one whose server knows all",
    file: settling,
    find: "if (!this.#isOver || nowMs >= dueMs) return false;",
    replace: "return false;",
  },
  {
    what: "a replica that takes over from a node that was just started publishes what that shows",
    file: view,
    find: "return !this.clusters.every(({ isSettled }) => isSettled);",
    replace: "return this.clusters.length === 0;",
  },
];
