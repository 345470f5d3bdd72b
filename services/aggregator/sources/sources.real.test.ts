import { describe, expect, test } from "vitest";
import { aggregatorSubjects } from "../../../shared/entry-log/jetstream/account-subjects.ts";
import { managerOf, never, startRig, stream } from "../../../shared/entry-log/jetstream/nats-rig.ts";
import type { NatsRig } from "../../../shared/entry-log/jetstream/nats-rig.ts";
import { isAuditSubject } from "../../../shared/model/audit.ts";
import { leaseSubject, releaseSubject } from "../../../shared/model/collector-lease.ts";
import { requireReal } from "../../../test/servers/find.ts";
import { start } from "../aggregator-rig.ts";
import { entryRecord, markerRecord, recordOf, subjectOf } from "../ingest/ingest-rig.ts";
import { shardsPrefix } from "../xds/served-shards.ts";
import { leaseOf } from "./lease-rig.ts";

const soon = { timeout: 60_000 };

/** An aggregator on a real NATS, with a bucket of leases there. */
async function startOn(
  nats: NatsRig,
  credentials: { readonly user?: string; readonly password?: string } = {},
) {
  const root = "$KV.MESH_ENTRIES_COLLECTORS";
  const bucket = await nats.open({ stream: "KV_MESH_ENTRIES_COLLECTORS", root, ...credentials });
  return await start({}, { entryLog: await nats.open(credentials), collectors: { bucket, root } });
}

type Started = Awaited<ReturnType<typeof startOn>>;

const held = async ({ get }: Started) =>
  JSON.parse((await get("/meshregistry/sources")).text).sources.eureka?.held;

describe.skipIf(requireReal("nats-server").skip)("aggregators that share a stream", () => {
  test("hold the same after it was lost, and one request releases all of them", async () => {
    const nats = await startRig();
    const one = await startOn(nats);
    const two = await startOn(nats);
    const entries = Array.from({ length: 100 }, (_, index) => entryRecord(`s${index}`));
    await one.publish(...entries, markerRecord());
    for (const { aggregator } of [one, two]) await aggregator.gate.opened;
    const manager = await managerOf(nats);
    await manager.streams.delete(stream);
    for (const { logged } of [one, two]) {
      await expect.poll(() => logged("the entry log was reset"), soon).toHaveLength(1);
    }
    await one.publish(...entries.slice(0, 10), markerRecord());
    for (const each of [one, two]) {
      await expect.poll(async () => await held(each), soon).toBe(90);
      expect(each.aggregator.cache.count("ServiceEntry").resources).toBe(100);
      // The hint can be pasted.
      const [hint = ""] = each.logged("eureka lost 90 of 100 endpoints");
      expect(hint).toContain(
        `curl -X POST ${each.aggregator.http.url}/meshregistry/collectors/eureka/held/release`,
      );
      expect((await each.get("/meshregistry/ready")).text).toContain("eureka: 90 resources are held");
    }
    expect(await one.post("/meshregistry/collectors/eureka/held/release")).toMatchObject({
      status: 200,
      body: { released: 90 },
    });
    for (const each of [one, two]) {
      await expect.poll(() => each.aggregator.cache.count("ServiceEntry").resources, soon).toBe(10);
      expect(each.logged("asked to release them")).toHaveLength(1);
    }
    // Who starts later doesn't take the old request for one about what it holds.
    const three = await startOn(nats);
    await three.aggregator.gate.opened;
    await manager.streams.delete(stream);
    await expect.poll(() => three.logged("the entry log was reset"), soon).toHaveLength(1);
    await three.publish(markerRecord());
    await expect.poll(async () => await held(three), soon).toBe(10);
    expect(three.logged("asked to release them")).toEqual([]);
  });

  test("take no lease that has run out for a living collector", async () => {
    const nats = await startRig();
    const { collectors: { bucket, root }, get } = await startOn(nats);
    const lease = leaseOf("killed");
    const subject = leaseSubject(root, lease.registry, lease.source, lease.member);
    await bucket.publish([{ subject, data: Buffer.from(JSON.stringify(lease)), ttlMs: 1000 }], never);
    const collectorsOf = async (read: typeof get) =>
      JSON.parse((await read("/meshregistry/sources")).text).sources.eureka.collectors;
    await expect.poll(async () => await collectorsOf(get), soon).toMatchObject([{ status: "live" }]);
    await expect.poll(async () => await collectorsOf(get), soon).toMatchObject([{ status: "lost" }]);
    const late = await startOn(nats);
    await expect.poll(async () => (await late.get("/meshregistry/ready")).text, soon)
      .toContain("eureka: no collector has given a sign yet");
    expect(await collectorsOf(late.get)).toEqual([]);
  });

  test("delete a source that left the configuration when they are asked to, also what the stream has lost", async () => {
    const nats = await startRig();
    const one = await startOn(nats);
    const two = await startOn(nats);
    const former = Array.from({ length: 5 }, (_, index) => entryRecord(`f${index}`, 1, "zookeeper"));
    await one.publish(entryRecord("a"), ...former, markerRecord("zookeeper"), markerRecord());
    for (const { aggregator } of [one, two]) await aggregator.gate.opened;
    const manager = await managerOf(nats);
    await manager.streams.delete(stream);
    for (const { logged } of [one, two]) {
      await expect.poll(() => logged("the entry log was reset"), soon).toHaveLength(1);
    }
    await one.publish(...former.slice(0, 2), recordOf("f2", "{", "zookeeper"));
    for (const { get, aggregator } of [one, two]) {
      await expect.poll(async () => (await get("/meshregistry/ready")).text, soon)
        .toContain("5 resources of zookeeper are served though it isn't configured");
      expect(aggregator.cache.count("ServiceEntry").resources).toBe(6);
    }
    expect(one.logged("resources of zookeeper are served though it isn't configured")).toHaveLength(1);

    const path = "/meshregistry/sources/zookeeper/default/retire";
    expect(JSON.parse((await one.get(path)).text)).toEqual({
      registry: "zookeeper",
      source: "default",
      refusal: null,
      resources: [0, 1, 2, 3, 4].map((index) => `ServiceEntry n/f${index}`),
    });
    expect(two.aggregator.cache.count("ServiceEntry").resources).toBe(6);
    expect(await one.post(path)).toMatchObject({ status: 200, body: { deleted: 5, failed: {} } });
    for (const { aggregator, get } of [one, two]) {
      await expect.poll(() => aggregator.cache.count("ServiceEntry").resources, soon).toBe(1);
      await expect.poll(async () => (await get("/meshregistry/ready")).text, soon).not.toContain("zookeeper");
    }
    const late = await startOn(nats);
    await late.publish(entryRecord("a"), markerRecord());
    await late.aggregator.gate.opened;
    expect(late.aggregator.cache.count("ServiceEntry").resources).toBe(1);
    expect(one.logged("asked to retire zookeeper: 5 resources were deleted")).toHaveLength(1);
  });

  test("refuse to delete what is configured, and what a living collector publishes", async () => {
    const nats = await startRig();
    const one = await startOn(nats);
    await one.publish(entryRecord("z", 1, "zookeeper"), markerRecord());
    await one.aggregator.gate.opened;
    expect(await one.post("/meshregistry/sources/eureka/default/retire")).toMatchObject({
      status: 409,
      body: { error: expect.stringContaining("eureka is configured here") },
    });
    await one.renew(leaseOf("zk-1", { registry: "zookeeper" }));
    const collectors = async () =>
      JSON.parse((await one.get("/meshregistry/sources")).text).sources.zookeeper?.collectors;
    // Until the aggregator has seen the lease, nobody publishes the source.
    await expect.poll(collectors, soon).toMatchObject([{ status: "live" }]);
    const path = "/meshregistry/sources/zookeeper/default/retire";
    expect(await one.post(path)).toMatchObject({
      status: 409,
      body: { error: "the collector zk-1 publishes zookeeper: stop it first" },
    });
    expect(one.aggregator.cache.count("ServiceEntry").resources).toBe(1);
    // It gives no sign any more.
    await expect.poll(async () => (await one.post(path)).status, soon).toBe(200);
    await expect.poll(() => one.aggregator.cache.count("ServiceEntry").resources, soon).toBe(0);
  });

  test("say which resources they may not delete, and change nothing then", async () => {
    const users = `authorization { users: [
      { user: admin, password: a }
      { user: reader, password: r, permissions: { publish: { deny: "mesh.entries.>" } } }
    ] }`;
    const nats = await startRig({ config: users });
    const admin = await nats.open({ user: "admin", password: "a" });
    await admin.publish([entryRecord("z", 1, "zookeeper"), markerRecord()], never);
    const reader = await startOn(nats, { user: "reader", password: "r" });
    await reader.aggregator.gate.opened;
    await expect.poll(async () => await reader.post("/meshregistry/sources/zookeeper/default/retire"), soon)
      .toMatchObject({
        status: 502,
        body: {
          deleted: 0,
          failed: { [subjectOf("z", "zookeeper")]: expect.stringMatching(/^not allowed to publish/) },
        },
      });
    expect(reader.aggregator.cache.count("ServiceEntry").resources).toBe(1);
  });

  test("need no more than the permissions of its account to follow leases and to ask for a release", async () => {
    const subjects = aggregatorSubjects().filter((subject) => subject.includes("COLLECTORS"))
      .map((subject) => `"${subject}"`);
    const users = `authorization { users: [
      { user: admin, password: a }
      { user: aggregator, password: r, permissions: {
        publish: { allow: [ ${subjects.join(", ")} ] },
        subscribe: { allow: [ "_INBOX.>" ] }
      } }
    ] }`;
    const nats = await startRig({ config: users });
    const root = "$KV.MESH_ENTRIES_COLLECTORS";
    const collector = await nats.open({
      stream: "KV_MESH_ENTRIES_COLLECTORS",
      root,
      user: "admin",
      password: "a",
    });
    const options = { stream: "KV_MESH_ENTRIES_COLLECTORS", root, user: "aggregator", password: "r" };
    const bucket = await nats.open(options);
    const { get, post, renew } = await start({}, { collectors: { bucket, root } });
    const lease = leaseOf("one");
    const subject = leaseSubject(root, lease.registry, lease.source, lease.member);
    await collector.publish([{ subject, data: Buffer.from(JSON.stringify(lease)) }], never);
    await expect.poll(async () => JSON.parse((await get("/meshregistry/sources")).text), soon)
      .toMatchObject({ sources: { eureka: { collectors: [{ member: "one" }] } } });
    expect((await post("/meshregistry/collectors/eureka/held/release")).status).toBe(200);
    // An aggregator is no collector.
    await renew(leaseOf("two"));
    const stored: string[] = [];
    const actions: string[] = [];
    for await (const entry of collector.readBack(`${root}.>`, never)) {
      (isAuditSubject(root, entry.subject) ? actions : stored).push(entry.subject);
    }
    expect(stored.toSorted())
      .toEqual([subject, releaseSubject(root, "eureka", "default"), `${shardsPrefix(root)}1`].toSorted());
    // Who asked for the release is written down, too.
    expect(actions).toEqual([expect.stringContaining(`${root}.audit.eureka.default.`)]);
    expect(JSON.parse((await get("/api/v1/actions")).text))
      .toMatchObject({ actions: [{ action: "release", source: "eureka" }] });
  });

  test("say that NATS is away, before and after they are ready", async () => {
    const nats = await startRig();
    await nats.server.stop();
    const root = "$KV.MESH_ENTRIES_COLLECTORS";
    const bucket = nats.openLater({ stream: "KV_MESH_ENTRIES_COLLECTORS", root });
    const { get, publish, aggregator } = await start({}, {
      entryLog: nats.openLater(),
      collectors: { bucket, root },
    });
    await expect.poll(async () => await get("/meshregistry/ready"), soon).toMatchObject({
      status: 503,
      text: expect.stringMatching(
        /^ xds not ready source not ready eureka\nthe entry log can't be read: NATS/,
      ),
    });
    expect((await get("/metrics")).text).toContain("meshregistry_entry_log_readable 0");
    await nats.server.restart();
    await publish(entryRecord("a"), markerRecord());
    await aggregator.gate.opened;
    expect((await get("/metrics")).text).toContain("meshregistry_entry_log_readable 1");
    await nats.server.stop();
    await expect.poll(async () => await get("/meshregistry/ready"), soon).toMatchObject({
      status: 200,
      text: expect.stringMatching(/^the entry log can't be read, what was read stays served: NATS/),
    });
  });
});
