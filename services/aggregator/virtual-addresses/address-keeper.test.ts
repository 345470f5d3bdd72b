import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EmbeddedEntryLog } from "../../../shared/entry-log/embedded.ts";
import type { EntryLog, LogEvent } from "../../../shared/entry-log/entry-log.ts";
import { eventually } from "../../../shared/entry-log/test-follower.ts";
import { counting, Replica, root, startReplica } from "./address-keeper-rig.ts";
import { claimSubject, writeClaim } from "./claim.ts";

const newBucket = () => new EmbeddedEntryLog(new Date(), root);
const never = new AbortController().signal;
const hostNames = (count: number) => Array.from({ length: count }, (_, index) => `svc-${index}.shop`);

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

async function storedClaims(bucket: EntryLog): Promise<Record<string, Record<string, string>>> {
  const claims: Record<string, Record<string, string>> = {};
  for await (const { subject, data } of bucket.readBack(`${root}.>`, never)) {
    if (data.length > 0) {
      claims[subject.slice(root.length + 1)] = JSON.parse(Buffer.from(data).toString("utf8"));
    }
  }
  return claims;
}

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

type Step =
  | { readonly type: "use" | "unuse"; readonly replica: number; readonly host: number }
  | { readonly type: "restart" | "sweep"; readonly replica: number }
  | { readonly type: "wait" }
  | { readonly type: "settle" };

const replicaCount = 3;
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom("use" as const, "unuse" as const),
      replica: fc.nat(replicaCount - 1),
      host: fc.nat(9),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom("restart" as const, "sweep" as const),
      replica: fc.nat(replicaCount - 1),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ type: "wait" }, { type: "settle" }) },
);

describe("whatever happens", () => {
  test("no address has two hosts, replicas agree, and a host in use keeps its address", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        let now = Date.parse("2026-01-01T00:00:00Z");
        const bucket = newBucket();
        const start = () => new Replica(bucket, "241.0.0.0/28", { now: () => now });
        const replicas = Array.from({ length: replicaCount }, start);
        const uses = Array.from({ length: replicaCount }, () => new Set<string>());
        /** Addresses of hosts that have been in use, on one replica at least, ever since. */
        const kept = new Map<string, string>();
        const settle = async () => {
          for (const [index, replica] of replicas.entries()) await replica.addresses(uses[index] ?? []);
          for (const [index, { keeper }] of replicas.entries()) {
            for (const host of uses[index] ?? []) {
              const address = keeper.addressesOf(host)?.[0] ?? "none";
              expect(address).not.toBe("none");
              expect(kept.get(host) ?? address).toBe(address);
              kept.set(host, address);
            }
          }
        };
        try {
          for (const each of steps) {
            if (each.type === "use") {
              const host = `h${each.host}`;
              if (!uses[each.replica]?.has(host)) replicas[each.replica]?.keeper.retain(host);
              uses[each.replica]?.add(host);
            } else if (each.type === "unuse") {
              const host = `h${each.host}`;
              if (uses[each.replica]?.delete(host) === true) replicas[each.replica]?.keeper.release(host);
              if (!uses.some((used) => used.has(host))) kept.delete(host);
            } else if (each.type === "restart") {
              await replicas[each.replica]?.[Symbol.asyncDispose]();
              const replica = start();
              replicas[each.replica] = replica;
              await replica.keeper.ready;
              for (const host of uses[each.replica] ?? []) replica.keeper.retain(host);
            } else if (each.type === "sweep") replicas[each.replica]?.keeper.sweep();
            else if (each.type === "wait") now += 61_000;
            else await settle();
            for (const { keeper } of replicas) {
              const served = uses.flatMap((used) => [...used]);
              const addresses = new Map<string, string>();
              for (const host of new Set(served)) {
                const [address] = keeper.addressesOf(host) ?? [];
                if (address === undefined) continue;
                expect(addresses.get(address) ?? host).toBe(host);
                addresses.set(address, host);
              }
            }
          }
          await settle();
        } finally {
          for (const replica of replicas) await replica[Symbol.asyncDispose]();
        }
      }),
      { numRuns: 60 },
    );
  });
});
