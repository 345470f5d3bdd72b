import { expect, test } from "vitest";
import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type { LogRecord } from "../entry-log/entry-log.ts";
import { takeManifest } from "../model/manifest-bytes.ts";
import { WorkPerTurn } from "../runtime/work-per-turn-rig.ts";
import { bound, PublisherRig, service } from "./publisher-rig.ts";

test("makes the messages of many changes in turns of the event loop", async () => {
  const work = new WorkPerTurn();
  const log = new EmbeddedEntryLog();
  const entryLog = {
    ...bound(log),
    get handsOnBytes() {
      work.work();
      return true;
    },
  };
  await using rig = await PublisherRig.start({ entryLog });
  await rig.publishAll(Array.from({ length: 100 }, (_, index) => service(`s${index}`, ["10.0.0.1"])));
  expect(work.total).toBe(100);
  expect(work.longestMs).toBeLessThanOrEqual(25);
});

test.each([["that hands them on", true], ["that copies them", false]])(
  "keeps the manifest of bytes for a log %s: elsewhere it would stay for as long as they do",
  async (_what, handsOnBytes) => {
    const log = new EmbeddedEntryLog();
    const records: LogRecord[] = [];
    const entryLog = {
      ...bound(log),
      handsOnBytes,
      publish: (all: readonly LogRecord[], signal: AbortSignal) => {
        records.push(...all);
        return log.publish(all, signal);
      },
    };
    await using rig = await PublisherRig.start({ entryLog });
    const manifest = service("a", ["10.0.0.1"]);
    await rig.publishAll([manifest]);
    const bytes = records.find(({ subject }) => subject.endsWith(".a"))?.data ?? new Uint8Array();
    expect(JSON.parse(Buffer.from(bytes).toString())).toMatchObject(manifest);
    expect(takeManifest(bytes) !== undefined).toBe(handsOnBytes);
  },
);
