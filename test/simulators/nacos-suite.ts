import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { TcpProxy } from "../../shared/entry-log/jetstream/tcp-proxy-rig.ts";
import type { Nacos, NacosGeneration, NacosOptions, ServiceName } from "../../shared/nacos/nacos.ts";
import { openNacos } from "../../shared/nacos/open-nacos.ts";
import { kindOf, patient, SuiteNaming } from "./nacos-suite-client.ts";
import type { NacosSuiteServer } from "./nacos-suite-client.ts";

export type { NacosSuiteServer };

/** What is tested. */
export interface NacosSuiteOptions {
  readonly start: () => Promise<NacosSuiteServer>;
  readonly mode: "watching" | "polling";
  readonly generation: NacosGeneration;
  /** Whether the server tells which services are gone, and at once. */
  readonly hasFuzzyWatch: boolean;
  /** False for rnacos, which has no clusters that differ in nothing else, and keeps what it should forget. */
  readonly isNacos: boolean;
  readonly driver?: "pure" | "package";
}

const signal = () => AbortSignal.timeout(60_000);

/** What we rely on in a Nacos client and a Nacos server, whatever its version and whatever way it is read. */
export function nacosSuite(name: string, options: NacosSuiteOptions): void {
  const { start, mode, generation, hasFuzzyWatch, isNacos, driver } = options;
  describe(name, { timeout: 150_000 }, () => {
    const disposables = new AsyncDisposableStack();
    let server: NacosSuiteServer;
    let nacos: Nacos;
    const open = (more: Partial<NacosOptions> = {}) =>
      openNacos({
        servers: [server.address],
        mode,
        refreshPeriodMs: 200,
        requestTimeoutMs: 20_000,
        driver,
        ...more,
      });
    beforeAll(async () => {
      server = disposables.use(await start());
      nacos = disposables.use(open());
    }, 150_000);
    afterAll(() => disposables.disposeAsync());

    test("finds out which generation it is", async () => {
      expect((await nacos.detect(signal())).generation).toBe(generation);
      expect(nacos.about).toEqual(await nacos.detect(signal()));
    });

    test("lists namespaces, the public one once", async () => {
      await server.addNamespace(`${mode}-listed`);
      const namespaces = await nacos.namespaces(signal());
      expect(namespaces.map(({ id }) => id).toSorted()).toEqual(
        expect.arrayContaining(["public", `${mode}-listed`]),
      );
      expect(namespaces.filter(({ id }) => id === "public" || id === "")).toHaveLength(1);
    });

    test("tells the instances of a service, and each change of them", async () => {
      await using provider = await server.openProvider("public");
      const service = { group: "suite", name: "orders" };
      await provider.set(service, [{ ip: "10.1.0.1", port: 8080, weight: 2.5, metadata: { zone: "a" } }]);
      await using suite = await SuiteNaming.open(nacos);
      suite.naming.subscribe(service);
      await suite.sees(service, "10.1.0.1:8080");
      const last = suite.snapshots(service).at(-1);
      expect(last).toMatchObject({ service, connection: 1, invalid: [], protected: false });
      expect(last?.instances).toMatchObject([
        {
          ip: "10.1.0.1",
          port: 8080,
          weight: 2.5,
          healthy: true,
          enabled: true,
          ephemeral: true,
          cluster: "DEFAULT",
          metadata: { zone: "a" },
        },
      ]);

      // Weight and metadata alone.
      await provider.set(service, [{ ip: "10.1.0.1", port: 8080, weight: 1, metadata: { zone: "b" } }]);
      await vi.waitFor(() =>
        expect(suite.snapshots(service).at(-1)?.instances).toMatchObject([
          // rnacos keeps the metadata that an instance had first.
          { weight: 1, ...(isNacos && { metadata: { zone: "b" } }) },
        ]), patient);
      await provider.set(service, [{ ip: "10.1.0.2", port: 8080 }, { ip: "10.1.0.1", port: 9090 }]);
      await suite.sees(service, "10.1.0.1:9090", "10.1.0.2:8080");
      await provider.set(service, []);
      await suite.sees(service);
    });

    test("tells of a service that isn't there yet, and of what isn't subscribed to no more", async () => {
      await using provider = await server.openProvider("public");
      await using suite = await SuiteNaming.open(nacos);
      const service = { group: "suite", name: "late" };
      const other = { group: "suite", name: "other" };
      suite.naming.subscribe(service);
      suite.naming.subscribe(service);
      suite.naming.subscribe(other);
      await suite.sees(service);
      await suite.sees(other);
      await vi.waitFor(() => expect(suite.count("caught-up")).toBeGreaterThan(0), patient);
      await provider.set(service, [{ ip: "10.1.0.1", port: 1 }]);
      await suite.sees(service, "10.1.0.1:1");
      suite.naming.unsubscribe(service);
      const told = suite.snapshots(service).length;
      await provider.set(service, [{ ip: "10.1.0.2", port: 1 }]);
      await provider.set(other, [{ ip: "10.1.0.3", port: 1 }]);
      await suite.sees(other, "10.1.0.3:1");
      expect(suite.snapshots(service)).toHaveLength(told);
    });

    test("keeps names with colons, and a name in two groups, apart", async () => {
      await using provider = await server.openProvider("public");
      await using suite = await SuiteNaming.open(nacos);
      const dubbo = { group: "suite", name: "providers:shop.api.OrderService:1.0.0:" };
      const twin = { group: "suite-2", name: "providers:shop.api.OrderService:1.0.0:" };
      await provider.set(dubbo, [{ ip: "10.1.0.1", port: 20880 }]);
      await provider.set(twin, [{ ip: "10.1.0.2", port: 20880 }]);
      suite.naming.subscribe(dubbo);
      suite.naming.subscribe(twin);
      await suite.sees(dubbo, "10.1.0.1:20880");
      await suite.sees(twin, "10.1.0.2:20880");
    });

    test.skipIf(!isNacos)("keeps clusters apart, and namespaces", async () => {
      await server.addNamespace(`${mode}-dev`);
      await using provider = await server.openProvider("public");
      await using devProvider = await server.openProvider(`${mode}-dev`);
      const service = { group: "suite", name: "clustered" };
      await provider.set(service, [
        { ip: "10.1.0.1", port: 80, cluster: "HZ" },
        { ip: "10.1.0.1", port: 80, cluster: "SH" },
        { ip: "10.1.0.1", port: 80 },
      ]);
      await devProvider.set(service, [{ ip: "10.9.0.1", port: 80 }]);
      await using suite = await SuiteNaming.open(nacos);
      await using dev = await SuiteNaming.open(nacos, `${mode}-dev`);
      suite.naming.subscribe(service);
      dev.naming.subscribe(service);
      await suite.sees(service, "10.1.0.1:80", "10.1.0.1:80", "10.1.0.1:80");
      expect(suite.snapshots(service).at(-1)?.instances.map(({ cluster }) => cluster)).toEqual([
        "DEFAULT",
        "HZ",
        "SH",
      ]);
      // An answer of fewer clusters would confirm that the others' instances are gone.
      const { instances } = await suite.naming.query(service, signal());
      expect(instances.map(({ cluster }) => cluster)).toEqual(["DEFAULT", "HZ", "SH"]);
      await dev.sees(service, "10.9.0.1:80");
    });

    test("tells which services there are, and a new one soon", async () => {
      // Of this run alone: a service that has just lost its instances is listed for a while.
      const [group, group2, unlisted] = [`${mode}-listed`, `${mode}-listed-2`, `${mode}-unlisted`];
      const provided = [{ ip: "10.1.0.1", port: 80 }];
      await using provider = await server.openProvider("public");
      for (const one of [group, group2, unlisted]) await provider.set({ group: one, name: "a" }, provided);
      await using suite = await SuiteNaming.open(nacos, "", { groups: [group, group2] });
      await using all = await SuiteNaming.open(nacos);
      suite.naming.watchServices();
      all.naming.watchServices();
      await vi.waitFor(() => expect(suite.services()).toEqual([`${group2}@@a`, `${group}@@a`]), patient);
      const everything = [group, group2, unlisted].map((one) => `${one}@@a`);
      await vi.waitFor(() => expect(all.services()).toEqual(expect.arrayContaining(everything)), patient);
      await provider.set({ group, name: "b" }, provided);
      await vi.waitFor(() => expect(suite.services()).toContain(`${group}@@b`), patient);
      await vi.waitFor(async () => {
        const listed = await suite.naming.listServices(signal());
        expect(listed.map(({ name }) => name).sort()).toEqual(["a", "a", "b"]);
      }, patient);
      if (!hasFuzzyWatch) return;
      await provider.set({ group, name: "b" }, []);
      await vi.waitFor(() => expect(suite.services()).toEqual([`${group2}@@a`, `${group}@@a`]), patient);
    });

    test("follows many services, and asks little at rest", async () => {
      await using provider = await server.openProvider("public");
      const services = Array.from(
        { length: 60 },
        (_, index) => ({ group: `${mode}-many`, name: `s${index}` }),
      );
      const provided = [{ ip: "10.1.0.1", port: 80, metadata: { zone: "a" } }, { ip: "10.1.0.2", port: 80 }];
      await Promise.all(services.map((one) => provider.set(one, provided)));
      await using client = open();
      await using suite = await SuiteNaming.open(client);
      for (const one of services) suite.naming.subscribe(one);
      await Promise.all(services.map((one) => suite.sees(one, "10.1.0.1:80", "10.1.0.2:80")));
      const count = () => [...client.requests.values()].reduce((sum, one) => sum + one, 0);
      const [rounds, before] = [suite.count("caught-up"), count()];
      if (mode === "polling") {
        await vi.waitFor(() => expect(suite.count("caught-up")).toBeGreaterThan(rounds + 3), patient);
        // A page of the catalogue for each round, and some services in doubt.
        if (isNacos) expect(count() - before).toBeLessThan(120);
      } else {
        await expect(suite.naming.query({ group: "suite", name: "any" }, signal())).resolves.toBeDefined();
        expect(count() - before).toBeLessThan(10);
      }
      const last = services.at(-1) ?? { group: "", name: "" };
      await provider.set(last, [{ ip: "10.1.0.3", port: 80 }]);
      await suite.sees(last, "10.1.0.3:80");
    });

    test("answers queries, also about what there isn't", async () => {
      await using provider = await server.openProvider("public");
      await using suite = await SuiteNaming.open(nacos);
      const service = { group: "suite", name: "queried" };
      await provider.set(service, [{ ip: "10.1.0.1", port: 80 }]);
      await vi.waitFor(async () => {
        const snapshot = await suite.naming.query(service, signal());
        expect(snapshot).toMatchObject({ service, origin: "query", instances: [{ ip: "10.1.0.1" }] });
      }, patient);
      const nothing = await suite.naming.query({ group: "suite", name: "unheard" }, signal());
      expect(nothing).toMatchObject({ service: { group: "suite", name: "unheard" }, instances: [] });
    });

    test("reads configurations", async () => {
      await server.setConfig("mapping", "shop.api.OrderService", "orders,legacy-orders");
      const config = { namespace: "", group: "mapping", dataId: "shop.api.OrderService" };
      await vi.waitFor(
        async () => expect(await nacos.getConfig(config, signal())).toBe("orders,legacy-orders"),
        patient,
      );
      expect(await nacos.getConfig({ ...config, dataId: "none" }, signal())).toBeUndefined();
    });

    test("goes on after its connection broke, and tells what changed meanwhile", async () => {
      await using provider = await server.openProvider("public");
      const service: ServiceName = { group: "suite", name: "moving" };
      await provider.set(service, [{ ip: "10.1.0.1", port: 80 }]);
      const { proxy, client } = await throughProxy(server, mode, open);
      await using _proxy = proxy;
      await using _client = client;
      await using suite = await SuiteNaming.open(client);
      suite.naming.subscribe(service);
      await suite.sees(service, "10.1.0.1:80");
      proxy.closed = true;
      proxy.cut();
      await vi.waitFor(() => expect(suite.count("lost")).toBe(1), patient);
      expect(suite.naming.connection).toBeUndefined();
      expect(suite.naming.lastError).toContain("127.0.0.1");
      expect(await kindOf(suite.naming.query(service, signal()))).toBe("unreachable");
      await provider.set(service, [{ ip: "10.1.0.2", port: 80 }]);
      proxy.closed = false;
      await suite.sees(service, "10.1.0.2:80");
      expect(suite.naming.connection).toMatchObject({ number: 2, sameServer: true });
      expect(suite.naming.lastError).toBeUndefined();
      expect(suite.snapshots(service).at(-1)).toMatchObject({ connection: 2 });
      await provider.set(service, [{ ip: "10.1.0.3", port: 80 }]);
      await suite.sees(service, "10.1.0.3:80");
    });

    test("fails requests once it is closed", async () => {
      const closed = open();
      const suite = await SuiteNaming.open(closed);
      await closed[Symbol.asyncDispose]();
      expect(await kindOf(suite.naming.query({ group: "suite", name: "orders" }, signal()))).toBe("closed");
      expect(() => closed.openNaming("")).toThrow("closed");
    });
  });
}

/** A client whose way to the server can be cut: that of pushes, or all of it. */
async function throughProxy(
  server: NacosSuiteServer,
  mode: "watching" | "polling",
  open: (options: Partial<NacosOptions>) => Nacos,
): Promise<{ readonly proxy: TcpProxy; readonly client: Nacos }> {
  const port = Number(server.address.slice(server.address.lastIndexOf(":") + 1));
  const proxy = await TcpProxy.start(mode === "watching" ? port + 1_000 : port);
  const proxyPort = Number(proxy.url.slice(proxy.url.lastIndexOf(":") + 1));
  const client = mode === "watching"
    ? open({ grpcPort: proxyPort })
    : open({ servers: [`127.0.0.1:${proxyPort}`] });
  return { proxy, client };
}
