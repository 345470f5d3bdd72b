import { describe, expect, test } from "vitest";
import { eventually } from "../../../shared/entry-log/conformance/test-follower.ts";
import { newBucket, Replica, startReplica, storedClaims } from "./address-keeper-rig.ts";

describe("AddressKeeper, when hosts go and come back", () => {
  test("goes without an address when the range is full, and gets one when there is room", async () => {
    let now = Date.now();
    const replica = startReplica(newBucket(), "241.0.0.0/32", { now: () => now });
    replica.keeper.retain("a.b");
    expect(await replica.address("a.b")).toBe("241.0.0.0");
    replica.keeper.retain("c.d");
    expect(await replica.address("c.d")).toBe("none");
    expect(replica.keeper.status.denied).toEqual(["c.d"]);
    replica.keeper.release("a.b");
    await eventually("the address of c.d", () => {
      now += 60_000;
      replica.keeper.sweep();
      return replica.keeper.addressesOf("c.d")?.[0] === "241.0.0.0";
    });
    expect(replica.told).toContain("c.d");
  });

  test("keeps the address of a host that is gone for a while, and gives it back then", async () => {
    let now = Date.parse("2026-01-01T00:00:00Z");
    const bucket = newBucket();
    const replica = startReplica(bucket, undefined, { now: () => now });
    replica.keeper.retain("a.b");
    const address = await replica.address("a.b");
    replica.keeper.release("a.b");
    replica.keeper.sweep();
    await eventually(
      "marked as released",
      async () => (await storedClaims(bucket))[address]?.["releasedAt"] === "2026-01-01T00:00:00.000Z",
    );

    now += 59_000;
    replica.keeper.retain("a.b");
    expect(replica.keeper.addressesOf("a.b")).toEqual([address]);
    replica.keeper.sweep();
    await eventually(
      "taken back",
      async () => (await storedClaims(bucket))[address]?.["releasedAt"] === undefined,
    );

    replica.keeper.release("a.b");
    replica.keeper.sweep();
    await eventually("released again", () => replica.keeper.status.released === 1);
    now += 60_000;
    replica.keeper.sweep();
    await eventually("given back", async () => Object.keys(await storedClaims(bucket)).length === 0);
    replica.keeper.retain("a.b");
    expect(await replica.address("a.b")).toBe(address);
  });

  test("releases nothing before it has read all entries, or after somebody else's host is back", async () => {
    const bucket = newBucket();
    let isComplete = false;
    const reader = startReplica(bucket, undefined, { isComplete: () => isComplete });
    const user = startReplica(bucket);
    user.keeper.retain("a.b");
    await user.address("a.b");
    await eventually("seen", () => reader.keeper.status.claimed === 1);
    reader.keeper.sweep();
    expect(reader.keeper.status.released).toBe(0);
    isComplete = true;
    reader.keeper.sweep();
    await eventually("released", () => user.keeper.status.released === 1);
    user.keeper.sweep();
    await eventually("taken back", () => reader.keeper.status.released === 0);
  });

  test("a range that was changed gives new addresses, and the old ones are released", async () => {
    const bucket = newBucket();
    const before = new Replica(bucket, "241.0.0.0/16");
    before.keeper.retain("a.b");
    await before.address("a.b");
    await before[Symbol.asyncDispose]();
    const after = startReplica(bucket, "242.0.0.0/16");
    await after.keeper.ready;
    after.keeper.retain("a.b");
    expect(await after.address("a.b")).toMatch(/^242\.0\./);
    after.keeper.sweep();
    await eventually("released", () => after.keeper.status.released === 1);
  });
});
