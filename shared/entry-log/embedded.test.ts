import { expect, test } from "vitest";
import { allSubjects, encodeSubject } from "../model/subject.ts";
import { WorkPerTurn } from "../runtime/work-per-turn-rig.ts";
import { describeConformance } from "./conformance/conformance.ts";
import { EmbeddedEntryLog } from "./embedded.ts";

describeConformance("EmbeddedEntryLog", () => {
  const log = new EmbeddedEntryLog();
  return Promise.resolve({
    open: () => Promise.resolve(log),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  });
});

test.each([["stored before", true], ["that come", false]])(
  "leaves turns of the event loop to others while a reader works on many messages %s",
  async (_which, isStoredBefore) => {
    await using log = new EmbeddedEntryLog();
    const records = Array.from({ length: 100 }, (_, index) => ({
      subject: encodeSubject({
        kind: "ServiceEntry",
        registry: "eureka",
        source: "s",
        namespace: "n",
        name: `${index}`,
      }),
      data: new Uint8Array(),
    }));
    if (isStoredBefore) await log.publish(records);
    const work = new WorkPerTurn();
    const stop = new AbortController();
    for await (const { type } of log.follow(allSubjects, stop.signal)) {
      if (type === "caught-up" && !isStoredBefore) void log.publish(records);
      if (type === "put") work.work();
      if (work.total === 100) stop.abort();
    }
    expect(work.longestMs).toBeLessThanOrEqual(25);
  },
);
