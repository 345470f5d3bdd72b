import { describe, expect, test } from "vitest";
import { eventually } from "../../../shared/entry-log/conformance/test-follower.ts";
import { counting, hostNames, newBucket, Replica, startReplica, storedClaims } from "./address-keeper-rig.ts";

describe("AddressKeeper", () => {
  test("gives a host an address of the range, tells it, and writes the claim down", async () => {
    const bucket = newBucket();
    const { keeper, told, ...replica } = startReplica(bucket);
    keeper.retain("a.b");
    expect(keeper.addressesOf("a.b")).toBeUndefined();
    await eventually("told", () => told.includes("a.b"));
    const [address = ""] = keeper.addressesOf("a.b") ?? [];
    expect(address).toMatch(/^241\./);
    expect(Object.keys(replica)).toBeDefined();
    expect(await storedClaims(bucket)).toMatchObject({ [address]: { host: "a.b" } });
  });

  test("gives two hosts two addresses though both want the same one", async () => {
    const replica = startReplica(newBucket(), "241.0.0.0/30");
    replica.keeper.retain("a.b");
    replica.keeper.retain("c.d");
    const addresses = await replica.addresses(["a.b", "c.d"]);
    expect(Object.values(addresses).sort()).toEqual(["241.0.0.1", "241.0.0.2"]);
  });

  test("gives a second address of the IPv6 range", async () => {
    const bucket = newBucket();
    const replica = startReplica(bucket, "241.0.0.0/8 fd00::/64");
    replica.keeper.retain("a.b");
    await replica.address("a.b");
    const [first, second = ""] = replica.keeper.addressesOf("a.b") ?? [];
    expect(first).toMatch(/^241\./);
    expect(second).toMatch(/^fd00::/);
    expect(Object.keys(await storedClaims(bucket))).toContain(second.replaceAll(":", "-"));
  });

  test("finds all claims after a restart, at once and without a write", async () => {
    const bucket = newBucket();
    const hosts = hostNames(500);
    const before = new Replica(bucket, "241.0.0.0/22");
    for (const host of hosts) before.keeper.retain(host);
    const addresses = await before.addresses(hosts);
    await before[Symbol.asyncDispose]();
    expect(new Set(Object.values(addresses)).size).toBe(500);

    const counted = counting(bucket);
    const after = startReplica(counted.bucket, "241.0.0.0/22");
    await after.keeper.ready;
    for (const host of hosts) after.keeper.retain(host);
    expect(Object.fromEntries(hosts.map((host) => [host, after.keeper.addressesOf(host)?.[0]]))).toEqual(
      addresses,
    );
    after.keeper.sweep();
    expect(counted.writes()).toBe(0);
  });

  test("replicas that claim at the same moment agree, in a range where nearly all want what others have", async () => {
    const bucket = newBucket();
    const hosts = hostNames(60);
    const replicas = [1, 2, 3].map(() => startReplica(bucket, "241.0.0.0/26"));
    for (const [index, { keeper }] of replicas.entries()) {
      for (const host of index === 1 ? hosts.toReversed() : hosts) keeper.retain(host);
    }
    const [first, ...others] = await Promise.all(replicas.map((replica) => replica.addresses(hosts)));
    for (const other of others) expect(other).toEqual(first);
    expect(new Set(Object.values(first ?? {})).size).toBe(60);
  });
});
