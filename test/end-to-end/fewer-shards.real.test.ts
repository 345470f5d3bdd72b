import { describe, expect, onTestFinished, test } from "vitest";
import { start } from "../../services/aggregator/aggregator-rig.ts";
import { entryRecord, markerRecord, subjectOf } from "../../services/aggregator/ingest/ingest-rig.ts";
import { configSources } from "../../services/meshctl/commands/config-sources.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { embeddedBucket } from "../../shared/entry-log/open-entry-log.ts";
import { requireReal } from "../servers/find.ts";
import { freePortWith } from "../servers/free-port.ts";
import { startIstiod } from "../servers/istiod.ts";
import type { IstiodVersion } from "../servers/istiod.ts";

const patience = { timeout: 120_000, interval: 100 };
const names = Array.from({ length: 60 }, (_, index) => `service-${index}`);

/** The wrong order: the aggregator has fewer shards before istiod has fewer sources, and no setting tells it so. */
describe.each<IstiodVersion>(["latest", "1.22"])("istiod %s, an aggregator with fewer shards", (version) => {
  const { skip } = requireReal(version === "latest" ? "istiod-latest" : "istiod-1.22");

  test.skipIf(skip)("shows no deleted service from a source that is gone", { timeout: 300_000 }, async () => {
    const entryLog = new EmbeddedEntryLog();
    const collectors = embeddedBucket("collectors");
    onTestFinished(async () => {
      await entryLog[Symbol.asyncDispose]();
      await collectors.bucket[Symbol.asyncDispose]();
    });
    const port = await freePortWith([1, 2, 3]);
    const serve = async (shards: number) => {
      const mcp = { serverUrl: `xds://127.0.0.1:${port}` };
      const started = await start({ mcp, xds: { shards, drainTime: "0" } }, { entryLog, collectors });
      await started.publish(markerRecord());
      return started;
    };
    const before = await serve(4);
    await before.publish(...names.map((name) => entryRecord(name)));
    await before.aggregator.gate.opened;
    const mcpAddresses = configSources("127.0.0.1", port, 4, undefined)
      .filter(({ address }) => address !== "k8s://");
    const istiod = await startIstiod({ version, mcpAddresses });
    onTestFinished(async () => await istiod[Symbol.asyncDispose]());
    const stored = async () =>
      (await istiod.configz("ServiceEntry")).map(({ name }) => name ?? "").toSorted();
    await expect.poll(stored, patience).toEqual(names.toSorted());
    await before.stop();

    const after = await serve(2);
    const left = names.slice(30).toSorted();
    const deleted = names.slice(0, 30);
    await after.publish(...deleted.map((name) => ({ subject: subjectOf(name), data: null })));
    const missing = new Set<string>();
    await expect.poll(async () => {
      const there = await stored();
      for (const name of left) if (!there.includes(name)) missing.add(name);
      return there;
    }, patience).toEqual(left);
    expect([...missing]).toEqual([]);
    expect((await after.get("/meshregistry/ready")).text).toContain("has 2 more sources");
  });
});
