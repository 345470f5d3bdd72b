import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newBucket, Replica } from "./address-keeper-rig.ts";

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

describe("AddressKeeper, whatever happens", () => {
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
