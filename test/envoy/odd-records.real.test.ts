import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { startEnvoy } from "../servers/envoy.ts";
import type { Envoy } from "../servers/envoy.ts";
import { requireReal } from "../servers/find.ts";
import { freePort } from "../servers/free-port.ts";
import { Mesh } from "./mesh.ts";
import {
  oddApplications,
  oddClusterServices,
  oddNodes,
  oddServices,
  worstApplications,
  worstClusterServices,
  worstNacosServices,
  worstNodes,
} from "./odd-records.ts";
import type { OddApplication, OddClusterService, OddNode, OddService } from "./odd-records.ts";
import {
  EurekaMeshRegistry,
  KubernetesMeshRegistry,
  NacosMeshRegistry,
  ZooKeeperMeshRegistry,
} from "./registries.ts";
import type { Instance, MeshRegistry } from "./registries.ts";
import { startUpstream } from "./upstream.ts";

const isLong = process.env["LONG_TESTS"] === "1";

/**
 * `npm test` repeats the same few runs with the newest istiod; LONG_TESTS=1 makes new ones, with both. A failure isn't
 * shrunk, since that takes minutes: Envoy's log names the record.
 */
const runs = { endOnFailure: true, ...(isLong ? { numRuns: 60 } : { numRuns: 20, seed: 20_261_129 }) };
const versions = isLong ? ["latest", "1.22"] as const : ["latest"] as const;

const timeoutMs = isLong ? 900_000 : 180_000;
const patience = { timeout: 20_000, interval: 10 };

const goodServices = ["one", "two", "three", "four", "five"];

/** The only instance of a service that nobody calls; each has an address of its own. */
function marker(number: number): Instance {
  return { name: `marker-${number}`, address: `127.1.${number >> 8}.${number & 255}`, port: 1 };
}

/** What tests use of a ServiceEntry that istiod has. */
const Entry = z.object({
  hosts: z.array(z.string()),
  endpoints: z.array(z.object({ address: z.string().default("") })).default([]),
});

/** Why an Envoy has rejected updates, in its own words; empty if it hasn't. */
async function rejections(envoy: Envoy): Promise<string> {
  const rejected = Object.keys(await envoy.rejectedUpdates());
  return rejected.length === 0 ? "" : `${rejected.slice(0, 5).join(", ")}:\n${envoy.logTail(4)}`;
}

/** Whatever a registry holds, Envoy takes all of what it is sent, and the registry's other services answer. */
describe.each(versions)("odd records behind istiod %s", (version) => {
  const { skip } = requireReal("nats-server", "envoy", `istiod-${version}`);
  const stack = new AsyncDisposableStack();
  let eureka: EurekaMeshRegistry;
  let zookeeper: ZooKeeperMeshRegistry;
  let nacos: NacosMeshRegistry;
  let kubernetes: KubernetesMeshRegistry;
  let mesh: Mesh;
  const seen = new Set<string>();
  const marks = new Map<MeshRegistry, number>();

  /** Waits until Envoy has all that the registry held before: changes of a source go through one after the other. */
  const hasArrived = async (registry: MeshRegistry) => {
    // What is read together may be published in any order. What is read later comes later.
    for (let round = 0; round < 2; round++) {
      const mark = 1 + (marks.get(registry) ?? 0);
      marks.set(registry, mark);
      registry.withdraw("marker", marker(mark - 1));
      registry.register("marker", marker(mark));
      const cluster = `outbound|${registry.servicePort}||${registry.hostOf("marker")}`;
      const state = async () => ({
        endpoints: await mesh.envoy.endpointsOf(cluster),
        rejected: await rejections(mesh.envoy),
      });
      await expect.poll(state, patience).toEqual({ endpoints: [`${marker(mark).address}:1`], rejected: "" });
    }
  };

  /** What is wrong with the good services, as an Envoy sees them. */
  const failures = async (envoy: Envoy) => {
    const all = [eureka, zookeeper, nacos, kubernetes].flatMap((registry) =>
      goodServices.map(async (service) => {
        try {
          await mesh.request(registry, service, envoy);
          return [];
        } catch (error) {
          return [`${registry.hostOf(service)}: ${String(error)}`];
        }
      })
    );
    return (await Promise.all(all)).flat();
  };

  const isUnharmed = async (envoy: Envoy) => {
    expect(await rejections(envoy)).toBe("");
    await expect.poll(() => failures(envoy), patience).toEqual([]);
  };

  /** Notes which endpoints istiod has: a test in which every odd record is left out would show nothing. */
  const noteEndpoints = async () => {
    for (const { spec } of await mesh.istiod.configz("ServiceEntry")) {
      const { hosts, endpoints } = Entry.parse(spec);
      for (const { address } of endpoints) {
        if (!address.startsWith("127.")) seen.add(`${hosts.join()} ${address}`);
      }
    }
  };

  const harmsNobody = async (registry: MeshRegistry) => {
    await hasArrived(registry);
    await noteEndpoints();
    await isUnharmed(mesh.envoy);
    await using fresh = await startEnvoy(mesh.istiod);
    await isUnharmed(fresh);
  };

  beforeAll(async () => {
    if (skip) return;
    eureka = stack.use(await EurekaMeshRegistry.start());
    zookeeper = stack.use(await ZooKeeperMeshRegistry.start());
    nacos = stack.use(await NacosMeshRegistry.start());
    kubernetes = stack.use(await KubernetesMeshRegistry.start());
    const registries = [eureka, zookeeper, nacos, kubernetes];
    for (const registry of registries) {
      const good: Instance = { name: "good", address: "127.0.0.11", port: await freePort() };
      stack.use(await startUpstream(good, registry.protocol));
      for (const service of goodServices) registry.register(service, good);
      registry.register("marker", marker(0));
    }
    mesh = stack.use(await Mesh.start({ istiod: version, shards: 1, registries }));
  });

  afterAll(() => stack.disposeAsync());

  test.skipIf(skip)("of Eureka", async () => {
    const withApplications = async (applications: readonly OddApplication[]) => {
      const { registry } = eureka.server;
      for (const { name, instances } of applications) {
        for (const each of instances) registry.register(name, each);
      }
      try {
        await harmsNobody(eureka);
      } finally {
        for (const { name, instances } of applications) {
          for (const { instanceId } of instances) registry.cancel(name, instanceId);
        }
      }
    };
    seen.clear();
    await fc.assert(fc.asyncProperty(oddApplications, withApplications), {
      ...runs,
      examples: [[worstApplications]],
    });
    expect(seen.size).toBeGreaterThan(runs.numRuns);
  }, timeoutMs);

  test.skipIf(skip)("of ZooKeeper", async () => {
    const withNodes = async (nodes: readonly OddNode[]) => {
      const { tree } = zookeeper.server;
      for (const { path, data } of nodes) tree.ensure(path, Buffer.from(data));
      try {
        await harmsNobody(zookeeper);
      } finally {
        for (const { path } of nodes) tree.delete(path);
      }
    };
    seen.clear();
    await fc.assert(fc.asyncProperty(oddNodes, withNodes), { ...runs, examples: [[worstNodes]] });
    expect(seen.size).toBeGreaterThan(runs.numRuns);
  }, timeoutMs);

  test.skipIf(skip)("of Nacos", async () => {
    const withServices = async (services: readonly OddService[]) => {
      const { registry } = nacos.server;
      for (const { name, instances } of services) {
        for (const each of instances) registry.register({ name }, each);
      }
      try {
        await harmsNobody(nacos);
      } finally {
        for (const { name, instances } of services) {
          for (const each of instances) registry.deregister({ name }, each);
        }
      }
    };
    seen.clear();
    await fc.assert(fc.asyncProperty(oddServices, withServices), {
      ...runs,
      examples: [[worstNacosServices]],
    });
    expect(seen.size).toBeGreaterThan(runs.numRuns);
  }, timeoutMs);

  test.skipIf(skip)("of Kubernetes", async () => {
    const withObjects = async (objects: readonly OddClusterService[]) => {
      const { server } = kubernetes;
      for (const { service, slice } of objects) {
        server.set("services", service);
        server.set("endpointSlices", slice);
      }
      try {
        await harmsNobody(kubernetes);
      } finally {
        for (
          const { metadata } of new Map(objects.map(({ service }) => [service.metadata.name, service]))
            .values()
        ) {
          server.delete("endpointSlices", metadata);
          server.delete("services", metadata);
        }
      }
    };
    seen.clear();
    await fc.assert(fc.asyncProperty(oddClusterServices, withObjects), {
      ...runs,
      examples: [[worstClusterServices]],
    });
    expect(seen.size).toBeGreaterThan(runs.numRuns);
  }, timeoutMs);
});
