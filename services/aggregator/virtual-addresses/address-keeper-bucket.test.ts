import { describe, expect, test } from "vitest";
import type { EntryLog, LogEvent } from "../../../shared/entry-log/entry-log.ts";
import { eventually } from "../../../shared/entry-log/conformance/test-follower.ts";
import { counting, hostNames, newBucket, root, startReplica, storedClaims } from "./address-keeper-rig.ts";
import { claimSubject, writeClaim } from "./claim.ts";

/** A bucket whose first reading doesn't end, or that takes nothing. */
function deaf(bucket: EntryLog): EntryLog {
  return {
    ...counting(bucket).bucket,
    // eslint-disable-next-line require-yield
    follow: async function* (_filter, signal): AsyncGenerator<LogEvent> {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  };
}

describe("AddressKeeper, when the bucket is slow or loses something", () => {
  test("a claim that is deleted while its host is in use is written again", async () => {
    const bucket = newBucket();
    const replica = startReplica(bucket);
    replica.keeper.retain("a.b");
    const address = await replica.address("a.b");
    await bucket.publish([{ subject: claimSubject(root, address), data: null }]);
    await eventually("written again", async () => address in await storedClaims(bucket));
    expect(replica.keeper.addressesOf("a.b")).toEqual([address]);
    // What `nats kv del` leaves is an empty value.
    await bucket.publish([{ subject: claimSubject(root, address), data: new Uint8Array() }]);
    await eventually(
      "written again",
      async () => (await storedClaims(bucket))[address] !== undefined,
    );
    expect(replica.keeper.addressesOf("a.b")).toEqual([address]);
  });

  test("doesn't wait for ever for a bucket that doesn't answer, and never gives one address twice", async () => {
    const replica = startReplica(deaf(newBucket()), "241.0.0.0/28", { patienceMs: 50 });
    const hosts = hostNames(14);
    for (const host of hosts) replica.keeper.retain(host);
    const addresses = await replica.addresses(hosts);
    expect(new Set(Object.values(addresses)).size).toBe(14);
    expect(replica.keeper.status.unclaimed).toBe(14);
    replica.keeper.retain("late.shop");
    expect(replica.keeper.addressesOf("late.shop")).toEqual([]);
  });

  test("claims what it served meanwhile, and exchanges what belongs to somebody else before that is served", async () => {
    const bucket = newBucket();
    const gate = Promise.withResolvers<void>();
    const late: EntryLog = {
      ...counting(bucket).bucket,
      follow: async function* (filter, signal) {
        await gate.promise;
        yield* bucket.follow(filter, signal);
      },
    };
    const replica = startReplica(late, "241.0.0.0/30", { patienceMs: 20 });
    replica.keeper.retain("a.b");
    const served = await replica.address("a.b");
    const claim = { host: "c.d", claimedAt: "2026-01-01T00:00:00Z" };
    await bucket.publish([{ subject: claimSubject(root, served), data: writeClaim(claim) }]);
    replica.keeper.retain("c.d");
    expect(await replica.address("c.d")).not.toBe(served);
    const views: string[] = [];
    replica.keeper.onChange(() => {
      const [one] = replica.keeper.addressesOf("a.b") ?? [];
      const [other] = replica.keeper.addressesOf("c.d") ?? [];
      views.push(one === other ? "shared" : "apart");
    });
    gate.resolve();
    await eventually("the owner has it", () => replica.keeper.addressesOf("c.d")?.[0] === served);
    await eventually("claimed", () => replica.keeper.status.unclaimed === 0);
    expect(await replica.address("a.b")).not.toBe(served);
    expect(views).not.toContain("shared");
    expect(Object.keys(await storedClaims(bucket))).toHaveLength(2);
  });

  test("a state of an earlier process needs no bucket, and is written into an empty one", async () => {
    const bucket = newBucket();
    const replica = startReplica(bucket);
    replica.keeper.restore([["241.9.9.9", { host: "a.b", claimedAt: "2026-01-01T00:00:00Z" }]]);
    replica.keeper.retain("a.b");
    expect(replica.keeper.addressesOf("a.b")).toEqual(["241.9.9.9"]);
    await eventually("written", async () => "241.9.9.9" in await storedClaims(bucket));
  });
});
