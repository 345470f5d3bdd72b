import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { NacosProvider } from "../../shared/nacos/provider-rig.ts";
import { requireReal } from "../servers/find.ts";
import { startIstiod } from "../servers/istiod.ts";
import type { Istiod, IstiodVersion } from "../servers/istiod.ts";
import { startNacos } from "../servers/nacos.ts";
import { connectSidecar } from "../servers/sidecar-client.ts";
import type { Sidecar } from "../servers/sidecar-client.ts";
import { startZooKeeper } from "../servers/zookeeper.ts";
import { collected } from "./host-in-two-registries-rig.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";
import { Registrations } from "./zookeeper-registrations-rig.ts";

const interfaceName = "com.acme.OrderService";
const host = "com.acme.order-service";
const port = 20_880;
const addressOf = (number: number) => `10.1.0.${number}`;
const placeOf = (number: number) => `${addressOf(number)}:${port}`;
const places = (numbers: readonly number[]) => numbers.map(placeOf);

/** How the providers move to Nacos, and one back, and which of them clients see after each step. */
const moves = [
  ["nacos", 2, true, [1, 2]],
  ["zookeeper", 1, false, [1, 2]],
  ["nacos", 3, true, [1, 2, 3]],
  ["zookeeper", 2, false, [1, 2, 3]],
  ["nacos", 1, false, [2, 3]],
  ["zookeeper", 4, true, [2, 3, 4]],
  ["nacos", 2, false, [3, 4]],
  ["nacos", 3, false, [4]],
  ["nacos", 5, true, [4, 5]],
  ["zookeeper", 4, false, [5]],
] as const;

/** Providers of one interface in a real ZooKeeper and a real Nacos, as Dubbo registers them there. */
class Providers implements AsyncDisposable {
  readonly #zooKeeper: Registrations;
  readonly #nacos: NacosProvider;
  readonly #inNacos = new Set<number>();

  /** Neither registry ever loses all that it has: that would be held. */
  async begin(): Promise<void> {
    await this.#zooKeeper.begin(interfaceName, placeOf(1));
    await this.#zooKeeper.begin(`${interfaceName}Stays`, placeOf(8));
    await this.#register(`${interfaceName}Stays`, [9]);
  }

  constructor(zooKeeper: Registrations, nacos: NacosProvider) {
    this.#zooKeeper = zooKeeper;
    this.#nacos = nacos;
  }

  async change(registry: "zookeeper" | "nacos", number: number, present: boolean): Promise<void> {
    if (registry === "zookeeper") {
      await this.#zooKeeper.change(interfaceName, placeOf(number), present);
      return;
    }
    if (present) this.#inNacos.add(number);
    else this.#inNacos.delete(number);
    await this.#register(interfaceName, [...this.#inNacos]);
  }

  async #register(name: string, numbers: readonly number[]): Promise<void> {
    const metadata = {
      application: "shop",
      interface: name,
      path: name,
      protocol: "dubbo",
      category: "providers",
      side: "provider",
    };
    await this.#nacos.set(
      { group: "DEFAULT_GROUP", name: `providers:${name}::` },
      numbers.map((each) => ({ ip: addressOf(each), port, metadata })),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#zooKeeper[Symbol.asyncDispose](), this.#nacos[Symbol.asyncDispose]()]);
  }
}

/** A sidecar of an istiod, and whether it ever had no endpoint since it had some. */
class Watched {
  readonly version: IstiodVersion;
  readonly istiod: Istiod;
  readonly sidecar: Sidecar;
  wasEmpty = false;

  constructor(version: IstiodVersion, istiod: Istiod, sidecar: Sidecar) {
    this.version = version;
    this.istiod = istiod;
    this.sidecar = sidecar;
  }

  async sees(numbers: readonly number[], isFirst = false): Promise<void> {
    await this.sidecar.until(`${this.version} sees ${numbers.join()}`, () => {
      const endpoints = this.sidecar.endpointsOfHost(host, port) ?? [];
      if (!isFirst) this.wasEmpty ||= endpoints.length === 0;
      return endpoints.join() === places(numbers).join();
    });
  }
}

describe("providers of Dubbo that move from ZooKeeper to Nacos", () => {
  const { skip } = requireReal("zookeeper-3.9", "nacos-3", "istiod-latest", "istiod-1.22");
  const stack = new AsyncDisposableStack();
  const all: Watched[] = [];
  let providers: Providers;
  let meshregistry: Service;

  beforeAll(async () => {
    if (skip) return;
    const [zooKeeper, nacos] = await Promise.all([startZooKeeper(), startNacos({ line: "3" })]);
    stack.use(zooKeeper);
    stack.use(nacos);
    const inZooKeeper = new Registrations([zooKeeper.address]);
    providers = stack.use(new Providers(inZooKeeper, await NacosProvider.open(nacos.address)));
    await providers.begin();
    await providers.change("zookeeper", 2, true);
    meshregistry = stack.use(
      await startService("all-in-one", {
        zookeeperSource: { enabled: true, address: [zooKeeper.address] },
        nacosSource: {
          enabled: true,
          address: [`http://${nacos.address}`],
          namespaceGroups: ["public:DEFAULT_GROUP"],
          refreshPeriod: "500ms",
        },
      }),
    );
    await vi.waitFor(async () => expect(await meshregistry.isReady()).toBe(true), { timeout: 60_000 });
    for (const version of ["latest", "1.22"] as const) {
      const istiod = stack.use(await startIstiod({ version, mcpAddresses: [meshregistry.xdsAddress] }));
      const sidecar = stack.use(connectSidecar({ address: `127.0.0.1:${istiod.grpcPort}` }));
      all.push(new Watched(version, istiod, sidecar));
    }
  }, 300_000);

  afterAll(() => stack.disposeAsync());

  const change = async (registry: "zookeeper" | "nacos", number: number, present: boolean) => {
    await providers.change(registry, number, present);
    await collected(meshregistry, host, registry, placeOf(number), present);
  };

  test.skipIf(skip)("are at every moment some at each sidecar", { timeout: 300_000 }, async () => {
    await Promise.all(all.map((each) => each.sees([1, 2], true)));
    await Promise.all(all.map(({ sidecar }) => sidecar.quiet()));
    for (const { sidecar } of all) sidecar.forget();
    await change("nacos", 1, true);
    await Promise.all(all.map((each) => each.sees([1, 2])));
    await Promise.all(all.map(({ sidecar }) => sidecar.quiet()));
    const newer = all[0]?.sidecar;
    // The entry's label `registry` is another one now.
    expect(newer?.counts().CDS).toBeLessThanOrEqual(1);
    newer?.forget();
    for (const [registry, number, isThere, numbers] of moves) {
      await change(registry, number, isThere);
      await Promise.all(all.map((each) => each.sees(numbers)));
    }
    await Promise.all(all.map(({ sidecar }) => sidecar.quiet()));
    for (const each of all) {
      expect([each.version, each.wasEmpty]).toEqual([each.version, false]);
      expect(each.sidecar.endpointsOfHost(host, port)).toEqual(places([5]));
      expect(each.sidecar.streams).toBe(1);
      const names = (await each.istiod.configz("ServiceEntry")).map(({ namespace, name }) =>
        `${namespace}/${name}`
      );
      expect(names.sort()).toEqual([`dubbo/${host}`, `dubbo/${host}-stays`]);
    }
    // Older istiods push everything for any update of an entry without addresses.
    expect(newer?.counts()).toMatchObject({ CDS: 0, LDS: 0, RDS: 0 });
  });
});
