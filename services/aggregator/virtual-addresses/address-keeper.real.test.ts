import { describe, expect, test } from "vitest";
import { requireReal } from "../../../test/servers/find.ts";
import { aggregatorSubjects } from "../../../shared/entry-log/jetstream/account-subjects.ts";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import type { NatsRig } from "../../../shared/entry-log/jetstream/nats-rig.ts";
import { managerOf, startRig } from "../../../shared/entry-log/jetstream/nats-rig.ts";
import { eventually } from "../../../shared/entry-log/conformance/test-follower.ts";
import { counting, root, startReplica } from "./address-keeper-rig.ts";

const stream = root.replace("$KV.", "KV_");
const hostNames = (count: number) => Array.from({ length: count }, (_, index) => `svc-${index}.shop`);

function openBucket(rig: NatsRig, options: Parameters<NatsRig["openLater"]>[0] = {}): EntryLog {
  return rig.openLater({ stream, root, ...options });
}

describe.skipIf(requireReal("nats-server").skip)("claims in NATS", () => {
  test("10,000 hosts have their addresses within seconds, and a restart finds them without a write", async () => {
    const rig = await startRig();
    const hosts = hostNames(10_000);
    const first = startReplica(openBucket(rig));
    await first.keeper.ready;
    const startedMs = performance.now();
    for (const host of hosts) first.keeper.retain(host);
    await eventually("all", () => first.keeper.status.waiting === 0);
    const tookMs = performance.now() - startedMs;
    const addresses = await first.addresses(hosts);
    expect(new Set(Object.values(addresses)).size).toBe(10_000);
    // Two seconds on a calm machine; tests run beside others.
    expect(tookMs).toBeLessThan(10_000);

    const counted = counting(openBucket(rig));
    const restartedMs = performance.now();
    const second = startReplica(counted.bucket);
    await second.keeper.ready;
    const readMs = performance.now() - restartedMs;
    for (const host of hosts) second.keeper.retain(host);
    expect(second.keeper.status.waiting).toBe(0);
    expect(await second.addresses(hosts)).toEqual(addresses);
    expect(counted.writes()).toBe(0);
    console.info(`10,000 claims: ${Math.round(tookMs)} ms; read at a restart: ${Math.round(readMs)} ms`);
  });

  test("two replicas that claim at the same moment agree, also where many want one address", async () => {
    const rig = await startRig();
    const hosts = hostNames(900);
    const cidr = "241.0.0.0/22";
    const replicas = [startReplica(openBucket(rig), cidr), startReplica(openBucket(rig), cidr)];
    await Promise.all(replicas.map(({ keeper }) => keeper.ready));
    for (const host of hosts) replicas[0]?.keeper.retain(host);
    for (const host of hosts.toReversed()) replicas[1]?.keeper.retain(host);
    const [one, two] = await Promise.all(replicas.map((replica) => replica.addresses(hosts)));
    expect(one).toEqual(two);
    expect(new Set(Object.values(one ?? {})).size).toBe(900);
    // In a crowded range a host may have been claimed for twice; the surplus is given back in time.
    await eventually("one claim per host", () => {
      for (const { keeper } of replicas) keeper.sweep();
      return replicas.every(({ keeper }) => keeper.status.claimed - keeper.status.released === 900);
    });
    expect(await replicas[0]?.addresses(hosts)).toEqual(one);
  });

  test("a bucket that was deleted is filled again with the same claims", async () => {
    const rig = await startRig();
    const replica = startReplica(openBucket(rig), "241.0.0.0/24");
    const hosts = hostNames(100);
    for (const host of hosts) replica.keeper.retain(host);
    const before = await replica.addresses(hosts);
    const manager = await managerOf(rig);
    await manager.streams.delete(stream);
    await eventually("filled again", async () => {
      const info = await manager.streams.info(stream).catch(() => undefined);
      return info?.state.messages === 100;
    });
    expect(await replica.addresses(hosts)).toEqual(before);
    const later = startReplica(openBucket(rig), "241.0.0.0/24");
    for (const host of hosts) later.keeper.retain(host);
    expect(await later.addresses(hosts)).toEqual(before);
  });

  test("serves while NATS is away, and claims when it is back", async () => {
    const rig = await startRig();
    await rig.server.stop();
    const replica = startReplica(openBucket(rig), undefined, { patienceMs: 100 });
    replica.keeper.retain("a.b");
    const address = await replica.address("a.b");
    expect(replica.keeper.status).toMatchObject({ unclaimed: 1, claimed: 0 });
    await rig.server.restart();
    await eventually("claimed", () => replica.keeper.status.claimed === 1);
    expect(await replica.address("a.b")).toBe(address);
  });

  test("the aggregator's permissions in its account are enough, and without them hosts get addresses all the same", async () => {
    const lines = aggregatorSubjects().filter((subject) => subject.includes("MESH_ENTRIES_ADDRESSES"))
      .map((subject) => `"${subject.replaceAll("MESH_ENTRIES_ADDRESSES", "TEST_ADDRESSES")}"`);
    const config = `authorization { users: [
      { user: allowed, password: s, permissions: { publish: { allow: [ ${
      lines.join(", ")
    } ] }, subscribe: { allow: [ "_INBOX.>" ] } } }
      { user: stranger, password: s, permissions: { publish: { deny: ">" }, subscribe: { allow: [ "_INBOX.>" ] } } }
    ] }`;
    const rig = await startRig({ config });
    const stranger = startReplica(openBucket(rig, { user: "stranger", password: "s" }), undefined, {
      patienceMs: 100,
    });
    stranger.keeper.retain("a.b");
    const unclaimed = await stranger.address("a.b");
    expect(stranger.keeper.status).toMatchObject({ claimed: 0, unclaimed: 1 });

    const first = startReplica(openBucket(rig, { user: "allowed", password: "s" }));
    first.keeper.retain("a.b");
    expect(await first.address("a.b")).toBe(unclaimed);
    first.keeper.release("a.b");
    first.keeper.sweep();
    await eventually("released", () => first.keeper.status.released === 1);
    const second = startReplica(openBucket(rig, { user: "allowed", password: "s" }));
    await eventually("read", () => second.keeper.status.released === 1);
  });

  test("the bucket is one of NATS' own kind: an address is a key, its claim the value", async () => {
    const rig = await startRig();
    const replica = startReplica(openBucket(rig), "241.0.0.0/8 fd00::/64");
    replica.keeper.retain("a.b");
    await replica.address("a.b");
    const connection = await rig.connect();
    const [first = "", second = ""] = replica.keeper.addressesOf("a.b") ?? [];
    for (const key of [first, second.replaceAll(":", "-")]) {
      const request = JSON.stringify({ last_by_subj: `${root}.${key}` });
      const answer = await connection.request(`$JS.API.DIRECT.GET.${stream}`, request);
      expect(answer.json()).toMatchObject({ host: "a.b" });
    }
  });
});
