import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { requireReal } from "../servers/find.ts";
import { freePort } from "../servers/free-port.ts";
import type { IstiodVersion } from "../servers/istiod.ts";
import type { ServerProcess } from "../servers/server-process.ts";
import { Mesh } from "./mesh.ts";
import { EurekaMeshRegistry, ZooKeeperMeshRegistry } from "./registries.ts";
import type { Instance, MeshRegistry } from "./registries.ts";
import { Traffic } from "./traffic.ts";
import { startUpstream } from "./upstream.ts";

const requestsPerSecond = 40;

/** So many answers in a row have to be as expected before a test believes it. */
const enoughAnswers = 20;

/** istiod waits longer and longer before it tries a lost source again, and so does Envoy for istiod. */
const patience = { timeout: 60_000, interval: 10 };

/** Services without traffic, so that there is something in most shards; asked once in the end. */
const others = Array.from({ length: 20 }, (_, index) => `other${index}`);

/** Which of the instances of a service. */
type Which = 0 | 1 | 2 | 3;

/** A service with requests all the time, and its instances, of which some are registered. */
interface BusyService {
  readonly registry: MeshRegistry;
  readonly name: string;
  /** The last one is at the address of the second, at another port. */
  readonly instances: readonly [Instance, Instance, Instance, Instance];
  traffic: Traffic | undefined;
}

/**
 * Registry → collector → stream → aggregator → istiod → Envoy → instances, with requests all the time. Prints how long
 * each change took to get to Envoy.
 */
export function describeDataPath(version: IstiodVersion, shards: number): void {
  const { skip } = requireReal("nats-server", "envoy", `istiod-${version}`);
  describe.skipIf(skip)(
    `requests through istiod ${version} and ${shards} shards`,
    () => dataPathTests(version, shards),
  );
}

function dataPathTests(version: IstiodVersion, shards: number): void {
  const stack = new AsyncDisposableStack();
  const services: BusyService[] = [];
  const times: string[] = [];
  let mesh: Mesh;

  const clusterOf = ({ registry, name }: BusyService) =>
    `outbound|${registry.servicePort}||${registry.hostOf(name)}`;
  const trafficOf = ({ traffic, name }: BusyService): Traffic => {
    if (traffic === undefined) throw new TypeError(`${name} has no traffic yet`);
    return traffic;
  };
  const addressOf = ({ address, port }: Instance) => `${address}:${port}`;
  const forEach = <T>(what: (service: BusyService) => Promise<T>, among = services) =>
    Promise.all(among.map(what));
  const register = (index: Which, among = services) => {
    for (const { registry, name, instances } of among) registry.register(name, instances[index]);
  };
  const withdraw = (index: Which, among = services) => {
    for (const { registry, name, instances } of among) registry.withdraw(name, instances[index]);
  };

  /** Waits until Envoy has exactly these instances of every service, and notes how long that took. */
  const takesEffect = async (
    what: string,
    wanted: readonly Which[],
    { sinceMs = performance.now(), among = services } = {},
  ) => {
    const each = await forEach(async (service) => {
      const endpoints = wanted.map((index) => addressOf(service.instances[index])).sort();
      await expect.poll(() => mesh.envoy.endpointsOf(clusterOf(service)), patience).toEqual(endpoints);
      return `${service.registry.protocol} ${Math.round(performance.now() - sinceMs)} ms`;
    }, among);
    times.push(`${what}: ${each.join(", ")}`);
  };

  /** Waits until so many requests in a row were answered, and by each of these instances and nobody else. */
  const isAnsweredBy = async (wanted: readonly Which[], among = services) => {
    await forEach(async (service) => {
      const names = wanted.map((index) => service.instances[index].name).sort();
      const { outcomes } = trafficOf(service);
      await expect.poll(
        () => [...new Set(outcomes.slice(-enoughAnswers).map(({ text }) => text))].sort(),
        patience,
      ).toEqual(names);
    }, among);
  };

  /** Waits until so many further requests have been answered, well or badly. */
  const moreRequests = async () => {
    await forEach(async (service) => {
      const now = performance.now();
      await expect.poll(() => trafficOf(service).since(now).length, patience).toBeGreaterThan(enoughAnswers);
    });
  };

  const nothingFailedSince = async (atMs: number) => {
    for (const service of services) {
      expect(trafficOf(service).failuresSince(atMs), `failed requests to ${service.name}`).toEqual([]);
    }
    expect(await mesh.envoy.rejectedUpdates()).toEqual({});
  };

  beforeAll(async () => {
    const registries = [
      stack.use(await EurekaMeshRegistry.start()),
      stack.use(await ZooKeeperMeshRegistry.start()),
    ];
    for (const registry of registries) {
      const { protocol } = registry;
      const port = await freePort();
      const instances = [
        { name: "a", address: "127.0.0.11", port },
        { name: "b", address: "127.0.0.12", port },
        { name: "c", address: "127.0.0.13", port },
        { name: "moved", address: "127.0.0.12", port: await freePort() },
      ] as const;
      for (const instance of instances) stack.use(await startUpstream(instance, protocol));
      services.push({ registry, name: "busy", instances, traffic: undefined });
      for (const other of others) registry.register(other, instances[0]);
    }
    register(0);
    register(1);
    mesh = stack.use(await Mesh.start({ istiod: version, shards, registries }));
    for (const service of services) {
      const endpoints = () => mesh.envoy.endpointsOf(clusterOf(service));
      await vi.waitFor(async () => expect(await endpoints()).toHaveLength(2), { timeout: 20_000 });
      const send = () => mesh.request(service.registry, service.name);
      service.traffic = stack.use(new Traffic(requestsPerSecond, send));
    }
  });

  afterAll(async () => {
    const requests = services.map(({ registry, traffic }) =>
      `${traffic?.outcomes.length} ${registry.protocol} requests`
    );
    const title = `istiod ${version}, ${shards} shards, ${requests.join(", ")}; time to effect in Envoy:`;
    process.stdout.write([title, ...times].join("\n  ") + "\n");
    await stack.disposeAsync();
  });

  test("no request fails when an instance goes or comes", async () => {
    const start = performance.now();
    await isAnsweredBy([0, 1]);
    withdraw(1);
    await takesEffect("instance gone", [0]);
    await isAnsweredBy([0]);
    register(1);
    await takesEffect("instance come", [0, 1]);
    await isAnsweredBy([0, 1]);
    await nothingFailedSince(start);
  });

  test("requests fail while no instance is there, and at no other time", async () => {
    const start = performance.now();
    withdraw(1);
    await takesEffect("one of two gone", [0]);
    const beforeMs = performance.now();
    await nothingFailedSince(start);
    withdraw(0);
    await takesEffect("last instance gone", [], { sinceMs: beforeMs });
    const gone = performance.now();
    await moreRequests();
    for (const service of services) {
      const { length } = trafficOf(service).since(gone);
      expect(trafficOf(service).failuresSince(gone), service.name).toHaveLength(length);
    }
    const backMs = performance.now();
    register(0);
    await takesEffect("first instance back", [0], { sinceMs: backMs });
    await isAnsweredBy([0]);
    const back = performance.now();
    register(1);
    await takesEffect("second instance back", [0, 1]);
    await isAnsweredBy([0, 1]);
    await nothingFailedSince(back);
  });

  test("no request fails when an instance moves to another port of its address", async () => {
    const start = performance.now();
    // istiod 1.22 compares only the addresses of endpoints where the entry has one of its own, as TCP services do.
    const among = services.filter(({ registry }) => version === "latest" || registry.protocol === "HTTP");
    withdraw(1, among);
    register(3, among);
    await takesEffect("instance moved", [0, 3], { among });
    await isAnsweredBy([0, 3], among);
    withdraw(3, among);
    register(1, among);
    await takesEffect("instance moved back", [0, 1], { among });
    await isAnsweredBy([0, 1], among);
    await nothingFailedSince(start);
  });

  type Process = readonly [what: string, of: (running: Mesh) => readonly ServerProcess[]];
  test.each<Process>([
    ["the collectors", ({ collectors }) => collectors],
    ["NATS", ({ nats }) => [nats]],
    ["the aggregator", ({ aggregator }) => [aggregator]],
    ["istiod", ({ istiod }) => [istiod]],
    ["the aggregator and istiod", ({ aggregator, istiod }) => [aggregator, istiod]],
  ])("kill -9 of %s: no request fails, and what changed meanwhile takes effect", async (what, of) => {
    const start = performance.now();
    const processes = of(mesh);
    for (const each of processes) await each.kill("SIGKILL");
    register(2);
    withdraw(1);
    await moreRequests();
    // In turn: istiod ends if it finds no source.
    for (const each of processes) await each.restart();
    await takesEffect(`${what} killed, one gone and one come meanwhile`, [0, 2]);
    await isAnsweredBy([0, 2]);
    register(1);
    withdraw(2);
    await takesEffect(`${what} running again, one gone and one come`, [0, 1]);
    await isAnsweredBy([0, 1]);
    await nothingFailedSince(start);
  });

  test("kill -9 of Envoy: it has every service when it is ready again", async () => {
    await mesh.envoy.kill("SIGKILL");
    await mesh.envoy.restart();
    for (const { registry, name } of services) {
      for (const each of [name, ...others]) {
        expect(await mesh.request(registry, each)).toMatch(each === name ? /^[ab]$/ : /^a$/);
      }
    }
    expect(await mesh.envoy.rejectedUpdates()).toEqual({});
  });
}
