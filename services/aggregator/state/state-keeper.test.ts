import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../../shared/runtime/log.ts";
import { entryRecord, IngestRig, markerRecord } from "../ingest/ingest-rig.ts";
import { StateKeeper, StateStore } from "./state-keeper.ts";

test("a process that is stopped at once after its start writes its state all the same", async () => {
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-state-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const rig = new IngestRig();
  const log = createLogger("test");
  const options = { folder, intervalMs: 30_000, stream: "S", log };
  const store = new StateStore(options);
  const keeper = new StateKeeper(store, options, rig.ingest, rig.cache);
  const stop = new AbortController();
  const running = keeper.run(rig.entryLog, stop.signal);
  await rig.publish(entryRecord("a"), markerRecord("eureka"), markerRecord("zookeeper"));
  await expect.poll(() => [rig.names, rig.gate.open]).toEqual([["a"], true]);
  stop.abort();
  await running;
  expect([...(await store.load())?.entries ?? []]).toHaveLength(1);
});
