import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { embeddedBucket } from "../../../shared/entry-log/open-entry-log.ts";
import { leaseFilter, leaseSubject, releaseSubject } from "../../../shared/model/collector-lease.ts";
import { start } from "../aggregator-rig.ts";
import { silentLog } from "../grpc/grpc-rig.ts";
import { entryRecord, IngestRig, markerRecord } from "../ingest/ingest-rig.ts";
import { CollectorWatch } from "./collector-watch.ts";
import { leaseOf } from "./lease-rig.ts";
import { SourceOverview } from "./source-overview.ts";

const soon = { timeout: 20_000 };
const never = new AbortController().signal;

/** Gives signs of life of a collector until the returned function is called, as a killed process would stop. */
function beating(
  renew: (lease: ReturnType<typeof leaseOf>) => Promise<void>,
  lease = leaseOf("one"),
): () => void {
  void renew(lease);
  const timer = setInterval(() => void renew(lease), 500);
  return () => clearInterval(timer);
}

describe("a source's collectors", () => {
  test("that can't read their registry are in the log, with what clients have of it meanwhile", async () => {
    const { renew, logged } = await start();
    const failing = { state: "reading", lastReadAt: null, error: "refused", failingSince: "x" } as const;
    await renew(leaseOf("new", { ...failing, published: 0 }));
    await expect.poll(
      () => logged("a collector can't read eureka: refused; nothing of eureka was read"),
      soon,
    )
      .toHaveLength(1);
    await renew(leaseOf("restarted", { ...failing, published: 3 }));
    await renew(leaseOf("old", { error: "refused", failingSince: "x" }));
    await expect.poll(() => logged("what was read before stays served"), soon).toHaveLength(2);
  });

  test("are in /sources and in the metrics, and one that is killed shows within seconds", async () => {
    const { get, publish, renew, logged, aggregator } = await start();
    const kill = beating(renew, leaseOf("one", { held: 4 }));
    await publish(entryRecord("a"), markerRecord());
    await aggregator.gate.opened;
    await expect.poll(async () => JSON.parse((await get("/meshregistry/sources")).text), soon).toMatchObject({
      sources: {
        eureka: {
          state: "synced",
          remark: null,
          marker: { entries: 1 },
          resources: 1,
          unconfirmed: 0,
          held: 0,
          collectors: [{ member: "one", status: "live", view: "ready", held: 4 }],
        },
      },
    });
    expect(JSON.parse((await get("/meshregistry/collectors")).text)).toMatchObject({
      eureka: [{ member: "one", status: "live" }],
    });
    expect((await get("/meshregistry/ready")).text).toBe("");
    const metrics = (await get("/metrics")).text;
    expect(metrics).toContain(
      'meshregistry_source_collectors{registry="eureka",source="default",state="live"} 1',
    );
    expect(metrics).toContain('meshregistry_source_readable{registry="eureka",source="default"} 1');
    expect(metrics).toMatch(/meshregistry_source_read_age_seconds\{[^}]*\} \d{5}/);

    kill();
    await expect.poll(async () => (await get("/meshregistry/ready")).text, soon)
      .toMatch(/^eureka: no collector runs; the last, one, gave its last sign \d+ s ago$/);
    expect((await get("/meshregistry/ready")).status).toBe(200);
    expect((await get("/meshregistry/xdsCache")).text).toContain("a.example");
    const after = (await get("/metrics")).text;
    expect(after).toContain(
      'meshregistry_source_collectors{registry="eureka",source="default",state="lost"} 1',
    );
    expect(after).toContain('meshregistry_source_readable{registry="eureka",source="default"} 0');
    expect(after).toMatch(/meshregistry_source_sign_age_seconds\{[^}]*\} [3-9]/);
    expect(logged("a collector of eureka gives no sign any more")).toHaveLength(1);
  });

  test("that live and don't publish their share are named, and after a while somebody is told", async () => {
    const { get, publish, renew, aggregator } = await start();
    const sources = async () => JSON.parse((await get("/meshregistry/sources")).text);
    await publish(entryRecord("a"), markerRecord());
    await aggregator.gate.opened;
    // One that gave its lease back has no share, and an older program says nothing.
    const stop = beating(renew, leaseOf("one", { unsettled: ["one", "two", "gone"] }));
    const stopOther = beating(renew, leaseOf("two"));
    await expect.poll(sources, soon).toMatchObject({
      sources: { eureka: { remark: null, marker: { entries: 1 }, unsettled: ["one", "two"] } },
    });
    stop();
    const stopStuck = beating(renew, leaseOf("one", { unsettled: ["two"], stuck: ["two"] }));
    const remark = "eureka: no sync marker: two hasn't published its share; see its log, or restart it";
    await expect.poll(sources, soon).toMatchObject({ sources: { eureka: { remark, unsettled: ["two"] } } });
    expect((await get("/meshregistry/ready")).text).toBe(remark);
    stopStuck();
    stopOther();
  });

  test("that can't publish are named, with the reason", async () => {
    const { get, publish, renew, aggregator } = await start();
    await publish(entryRecord("a"), markerRecord());
    await aggregator.gate.opened;
    const stop = beating(renew, leaseOf("one", { unpublished: "no room for new messages: too much" }));
    const remark = "eureka: changes are missing, one can't publish: no room for new messages: too much";
    await expect.poll(async () => (await get("/meshregistry/ready")).text, soon).toBe(remark);
    expect(JSON.parse((await get("/meshregistry/sources")).text)).toMatchObject({
      entryLog: { unstored: null },
      sources: { eureka: { remark, collectors: [{ unpublished: "no room for new messages: too much" }] } },
    });
    stop();
  });

  test("that can't read their registry are named by readiness, before and after the gate opens", async () => {
    const { get, publish, renew, logged, aggregator } = await start();
    const failing = { error: "ECONNREFUSED 127.0.0.1:1", failingSince: "2026-01-01T00:00:00Z" };
    const stop = beating(renew, leaseOf("one", failing));
    await expect.poll(async () => await get("/meshregistry/ready"), soon).toEqual({
      status: 503,
      text: " xds not ready source not ready eureka\n" +
        "eureka: it can't be read since 2026-01-01T00:00:00Z: ECONNREFUSED 127.0.0.1:1",
    });
    await publish(entryRecord("a"), markerRecord());
    await aggregator.gate.opened;
    expect((await get("/meshregistry/ready")).text)
      .toBe("eureka: it can't be read since 2026-01-01T00:00:00Z: ECONNREFUSED 127.0.0.1:1");
    expect(logged("a collector can't read eureka: ECONNREFUSED")).toHaveLength(1);
    stop();
    await renew(leaseOf("one"));
    await expect.poll(() => logged("a collector can read eureka again"), soon).toHaveLength(1);
    expect((await get("/meshregistry/ready")).text).toBe("");
  });

  test("that never gave a sign are missing after a while; one that was stopped has left", async () => {
    const { cache, gate, ingest } = new IngestRig();
    const { bucket, root } = embeddedBucket("collectors");
    const source = { registry: "eureka", source: "default" };
    let nowMs = 0;
    const collectors = new CollectorWatch({
      collectors: { bucket, root },
      log: silentLog(),
      sources: () => [source],
      release: () => 0,
      now: () => nowMs,
    });
    const overview = new SourceOverview({ cache, gate, ingest, collectors, configured: [source] });
    const stop = new AbortController();
    const running = collectors.run(stop.signal);
    await expect.poll(() => collectors.listeningMs, soon).toBe(0);
    expect(overview.remarks).toEqual([]);
    nowMs = 10_000;
    expect(overview.remarks).toEqual(["eureka: no collector has given a sign yet"]);
    const subject = leaseSubject(root, "eureka", "default", "one");
    await bucket.publish([{ subject, data: Buffer.from(JSON.stringify(leaseOf("one"))) }], never);
    await expect.poll(() => overview.remarks, soon).toEqual([]);
    await bucket.publish([{ subject, data: null }], never);
    await expect.poll(() => overview.remarks, soon)
      .toEqual(["eureka: no collector runs; the last, one, was stopped 0 s ago"]);
    stop.abort();
    await running;
  });

  test("are believed for themselves alone", async () => {
    const { get, collectors: { bucket, root }, logged } = await start();
    const lease = Buffer.from(JSON.stringify(leaseOf("one")));
    await bucket.publish([
      { subject: leaseSubject(root, "eureka", "default", "two"), data: lease },
      { subject: leaseFilter(root, "eureka", "default").replace("*", "three"), data: Buffer.from("{") },
    ], never);
    await expect.poll(() => logged("ignored a message among the collectors' leases"), soon).toHaveLength(2);
    expect(JSON.parse((await get("/meshregistry/sources")).text).sources.eureka.collectors).toEqual([]);
  });
});

test("clients that are served without a source are a warning, and readiness says which one and why", async () => {
  const { get, renew, logged, aggregator } = await start({
    eurekaSource: { enabled: true, address: ["http://127.0.0.1:1/eureka"], waitTime: "300ms" },
  });
  const stop = beating(renew, leaseOf("one", { state: "reading", error: "timeout", lastReadAt: null }));
  await aggregator.gate.opened;
  await expect.poll(async () => (await get("/meshregistry/ready")).text, soon)
    .toBe("eureka is missing, its waitTime is over: it can't be read: timeout");
  expect(logged("clients are served without eureka, whose waitTime is over")).toHaveLength(1);
  stop();
});

describe("a request to release what is held", () => {
  test("is told to all, and names who asked", async () => {
    const { post, get, collectors: { bucket, root }, renew } = await start();
    await renew(leaseOf("one", { held: 90 }));
    const heldPage = async () => JSON.parse((await get("/meshregistry/collectors/eureka/held")).text);
    await expect.poll(heldPage, soon).toEqual({
      held: [],
      collectors: [{ source: "default", member: "one", held: 90 }],
    });
    const { status, body } = await post("/meshregistry/collectors/eureka/held/release", {
      "X-Forwarded-User": "alice",
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      released: 0,
      requested: [{ registry: "eureka", source: "default" }],
      collectors: [{ source: "default", member: "one", held: 90 }],
    });
    const requests: unknown[] = [];
    for await (const { data } of bucket.readBack(releaseSubject(root, "eureka", "default"), never)) {
      requests.push(JSON.parse(Buffer.from(data).toString()));
    }
    expect(requests).toMatchObject([{ by: expect.stringMatching(/^alice at 127\.0\.0\.1:/) }]);
  });

  test("is taken beside a collector of the same process, and the list has what both hold", async () => {
    const moreRoutes = new Hono();
    moreRoutes.get(
      "/collectors/eureka/held",
      (c) => c.json({ held: [{ subject: "of the collector", heldMs: 1 }] }),
    );
    moreRoutes.post("/collectors/eureka/held/release", (c) => c.json({ released: 7 }));
    const { get, post, publish, aggregator } = await start({}, { moreRoutes });
    await publish(markerRecord());
    await aggregator.gate.opened;
    expect(JSON.parse((await get("/meshregistry/collectors/eureka/held")).text)).toEqual({
      held: [{ subject: "of the collector", heldMs: 1 }],
      collectors: [],
    });
    // The request reaches the collector by the bucket, as it does any other.
    expect((await post("/meshregistry/collectors/eureka/held/release")).body).toMatchObject({ released: 0 });
  });

  test("is refused for a registry that is no source", async () => {
    const { post, get } = await start();
    expect((await post("/meshregistry/collectors/nacos/held/release")).status).toBe(404);
    expect((await get("/meshregistry/collectors/nacos/held")).status).toBe(404);
  });
});

test("a source that left the configuration can be retired in an embedded log, too", async () => {
  const { get, post, publish, aggregator } = await start();
  await publish(entryRecord("a"), entryRecord("z", 1, "zookeeper"), markerRecord());
  await aggregator.gate.opened;
  const path = "/meshregistry/sources/zookeeper/default/retire";
  expect(JSON.parse((await get(path)).text)).toMatchObject({
    refusal: null,
    resources: ["ServiceEntry n/z"],
  });
  expect(await post(path)).toMatchObject({ status: 200, body: { deleted: 1, failed: {} } });
  await expect.poll(() => aggregator.cache.count("ServiceEntry").resources, soon).toBe(1);
});
