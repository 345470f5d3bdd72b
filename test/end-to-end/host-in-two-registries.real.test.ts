import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { requireReal } from "../servers/find.ts";
import { startIstiod } from "../servers/istiod.ts";
import type { Istiod } from "../servers/istiod.ts";
import { connectSidecar } from "../servers/sidecar-client.ts";
import type { Sidecar } from "../servers/sidecar-client.ts";
import { placeOf, service, TwoRegistries } from "./host-in-two-registries-rig.ts";
import { XdsObserver } from "./xds-observer.ts";

/** How a provider moves from one registry to the other and back, and which instances clients see after each step. */
const moves = [
  ["zookeeper", 1, true, [1, 2]],
  ["eureka", 1, false, [1, 2]],
  ["zookeeper", 3, true, [1, 2, 3]],
  ["zookeeper", 1, false, [2, 3]],
  ["zookeeper", 2, false, [3]],
  ["eureka", 3, true, [3]],
  ["zookeeper", 3, false, [3]],
  ["eureka", 4, true, [3, 4]],
  ["zookeeper", 4, true, [3, 4]],
  ["eureka", 3, false, [4]],
  ["eureka", 4, false, [4]],
] as const;

const places = (numbers: readonly number[]) => numbers.map(placeOf);

describe("a service that moves between registries, as a client of ours sees it", () => {
  const { skip } = requireReal("eureka", "zookeeper-3.9");

  test.skipIf(skip)(
    "has all its endpoints, and never none",
    { timeout: 240_000 },
    async () => {
      await using registries = await TwoRegistries.start();
      const { meshregistry } = registries;
      await vi.waitFor(async () => expect(await meshregistry.isReady()).toBe(true), { timeout: 60_000 });
      await using observer = new XdsObserver(meshregistry.xdsAddress);
      const seen = async (numbers: readonly number[]) =>
        await expect.poll(() => observer.view.get(service), { timeout: 60_000 }).toEqual(places(numbers));
      await seen([1, 2]);
      for (const [registry, number, isThere, numbers] of moves) {
        await registries.change(registry, number, isThere);
        await seen(numbers);
      }
      expect([...observer.lostHosts]).toEqual([]);
      expect([...observer.emptiedHosts]).toEqual([]);
      expect(JSON.parse(await meshregistry.get(`/meshregistry/conflicts?host=${service}`))).toMatchObject({
        outcome: "merged",
        claimedBy: [
          { source: "eureka", endpoints: [], leftOut: null },
          { source: "zookeeper", endpoints: [placeOf(4)], leftOut: null },
        ],
        served: [{ name: `eureka/${service}`, endpoints: [placeOf(4)] }],
      });
      expect(await meshregistry.get("/metrics")).toContain('meshregistry_host_conflicts{outcome="merged"} 1');
    },
  );
});

describe.each(["latest", "1.22"] as const)(
  "a service that moves between registries, at istiod %s",
  (version) => {
    const { skip } = requireReal("eureka", "zookeeper-3.9", `istiod-${version}`);
    const stack = new AsyncDisposableStack();
    let registries: TwoRegistries;
    let istiod: Istiod;
    let sidecar: Sidecar;

    beforeAll(async () => {
      if (skip) return;
      registries = stack.use(await TwoRegistries.start());
      const { meshregistry } = registries;
      await vi.waitFor(async () => expect(await meshregistry.isReady()).toBe(true), { timeout: 60_000 });
      istiod = stack.use(await startIstiod({ version, mcpAddresses: [meshregistry.xdsAddress] }));
      sidecar = stack.use(connectSidecar({ address: `127.0.0.1:${istiod.grpcPort}` }));
    }, 240_000);

    afterAll(() => stack.disposeAsync());

    test.skipIf(skip)("is never without an endpoint at a sidecar", { timeout: 240_000 }, async () => {
      const endpoints = () => sidecar.endpointsOfHost(service, 80);
      await sidecar.until("both instances", () => endpoints()?.join() === places([1, 2]).join());
      await sidecar.quiet();
      sidecar.forget();
      for (const [registry, number, isThere, numbers] of moves) {
        let wasEverEmpty = false;
        await registries.change(registry, number, isThere);
        await sidecar.until(`${registry} ${number} ${isThere}`, () => {
          wasEverEmpty ||= (endpoints() ?? []).length === 0;
          return endpoints()?.join() === places(numbers).join();
        });
        expect(wasEverEmpty).toBe(false);
      }
      await sidecar.quiet();
      expect(endpoints()).toEqual(places([4]));
      const { CDS, LDS, RDS } = sidecar.counts();
      // Older istiods push everything for any update of an entry without addresses.
      if (version === "latest") expect({ CDS, LDS, RDS }).toEqual({ CDS: 0, LDS: 0, RDS: 0 });
      expect((await istiod.configz("ServiceEntry")).map(({ namespace, name }) => `${namespace}/${name}`))
        .toEqual([`eureka/${service}`]);
    });
  },
);
