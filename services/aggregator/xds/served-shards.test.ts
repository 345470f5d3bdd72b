import { once } from "node:events";
import { Writable } from "node:stream";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import type { LogEvent } from "../../../shared/entry-log/entry-log.ts";
import { EmbeddedEntryLog } from "../../../shared/entry-log/embedded.ts";
import type { Bucket } from "../../../shared/entry-log/open-entry-log.ts";
import { rememberedShards, ServedShards } from "./served-shards.ts";

const soon = { timeout: 10_000, interval: 2 };

function newBucket(): Bucket {
  return { bucket: new EmbeddedEntryLog(new Date(), "$KV.test"), root: "$KV.test" };
}

interface Settings {
  readonly formerShards?: number;
  readonly trustShards?: boolean;
  /** The number of ports; default: as the configuration has them. */
  readonly ports?: number;
  readonly surplus?: number;
}

/** An aggregator that serves so many shards, until {@link stop}; its log is kept. */
function serve(bucket: Bucket, shards: number, settings: Settings = {}) {
  const { formerShards = 0, trustShards = false, surplus = 0 } = settings;
  const { ports = Math.max(shards, formerShards) } = settings;
  const lines: string[] = [];
  const log = pino(
    {},
    new Writable({ write: (chunk: Buffer, _encoding, done) => done(void lines.push(String(chunk))) }),
  );
  const stop = new AbortController();
  const config = { shards, formerShards, trustShards };
  const served = new ServedShards({ bucket, config, ports, surplus: () => surplus, log });
  const running = served.run(stop.signal);
  const end = async () => {
    stop.abort();
    await running;
  };
  onTestFinished(end);
  return { served, lines, stop: end };
}

/** The numbers that are recorded. */
async function recorded({ bucket, root }: Bucket): Promise<string[]> {
  const subjects: string[] = [];
  const { signal } = new AbortController();
  for await (const { subject } of bucket.readBack(`${root}.shards.*`, signal)) subjects.push(subject);
  return subjects.sort();
}

describe("ServedShards", () => {
  test("notices that fewer shards are served than before, and says what to do", async () => {
    const bucket = newBucket();
    const before = serve(bucket, 16);
    await expect.poll(() => recorded(bucket), soon).toEqual(["$KV.test.shards.16"]);
    expect(before.served.remark).toBeUndefined();
    await before.stop();

    const now = serve(bucket, 8);
    await expect.poll(() => now.served.remark, soon).toMatch(
      /^16 shards were served until .*, now there are 8: /,
    );
    expect(now.served.remark).toContain("Restart this aggregator, which then keeps their ports");
    await expect.poll(() => now.lines.length, soon).toBe(1);
    await expect.poll(() => recorded(bucket), soon).toEqual(["$KV.test.shards.16", "$KV.test.shards.8"]);
  });

  test("has nothing to say where the ports of the others are kept, or there are more now", async () => {
    const bucket = newBucket();
    await serve(bucket, 8).stop();
    const kept = serve(bucket, 4, { formerShards: 8 });
    const more = serve(bucket, 16);
    await expect.poll(() => recorded(bucket), soon).toHaveLength(3);
    expect(more.served.remark).toBeUndefined();
    // 16 are served beside it, so these 4 have something to say in the end.
    await expect.poll(() => kept.served.remark, soon).toMatch(/^16 shards/);
  });

  test("says what keeps their ports, where something else than the start does", async () => {
    const bucket = newBucket();
    await serve(bucket, 16).stop();
    const told = async (settings: Settings) => {
      const { served } = serve(bucket, 4, settings);
      await expect.poll(() => served.remark, soon).toBeDefined();
      return served.remark;
    };
    expect(await told({ ports: 16 })).toContain("the ports of the others are kept");
    expect(await told({ formerShards: 8 })).toContain("Set xds.formerShards to 16");
    expect(await told({ trustShards: true })).toContain("Set xds.trustShards to false");
  });

  test("keeps the larger number on record while an istiod has more sources", async () => {
    const bucket = newBucket();
    serve(bucket, 4, { ports: 8, surplus: 1 });
    await expect.poll(() => recorded(bucket), soon).toEqual(["$KV.test.shards.4", "$KV.test.shards.8"]);
  });
});

describe("rememberedShards", () => {
  const { signal } = new AbortController();

  test("is the largest number on record, whatever else lies there", async () => {
    const bucket = newBucket();
    expect(await rememberedShards(bucket, signal)).toBe(0);
    await serve(bucket, 4).stop();
    await serve(bucket, 16).stop();
    await serve(bucket, 8).stop();
    const data = Buffer.from("odd");
    const odd = ["1e9", "-1", "0x20", "many"].map((key) => ({ subject: `$KV.test.shards.${key}`, data }));
    await bucket.bucket.publish(odd, signal);
    expect(await rememberedShards(bucket, signal)).toBe(16);
  });

  test("is none where the bucket doesn't answer", { timeout: 20_000 }, async () => {
    const follow = async function* (_filter: string, ended: AbortSignal): AsyncIterable<LogEvent> {
      yield { type: "reset", reason: "first reading", streamId: "1" };
      await once(ended, "abort");
    };
    const { bucket } = newBucket();
    bucket.follow = follow;
    expect(await rememberedShards({ bucket, root: "$KV.test" }, signal)).toBe(0);
  });
});
