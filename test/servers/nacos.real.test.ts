import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { NacosCredentials, NacosOptions } from "../../shared/nacos/nacos.ts";
import { openNacos } from "../../shared/nacos/open-nacos.ts";
import { NacosProvider } from "../../shared/nacos/provider-rig.ts";
import { patient, SuiteNaming } from "../simulators/nacos-suite-client.ts";
import { requireReal } from "./find.ts";
import { startNacosApp } from "./nacos-app.ts";
import { startNacos } from "./nacos.ts";
import type { NacosLine, NacosServer } from "./nacos.ts";

const signal = () => AbortSignal.timeout(60_000);

function open(server: NacosServer, options: Partial<NacosOptions> = {}) {
  return openNacos({
    servers: [server.address],
    mode: "auto",
    refreshPeriodMs: 500,
    requestTimeoutMs: 20_000,
    ...options,
  });
}

const login = (username: string, password: string): NacosCredentials => ({
  kind: "password",
  username,
  password,
});

describe.each(["3", "2"] as const)("Nacos %s", (line: NacosLine) => {
  const needed = requireReal(`nacos-${line}`, "nacos-app");

  describe.skipIf(needed.skip)("without logins", () => {
    let server: NacosServer;
    beforeAll(async () => {
      server = await startNacos({ line });
    });
    afterAll(() => server[Symbol.asyncDispose]());

    test("tells what its own Java client registers, changes, and takes along when it is killed", async () => {
      await using nacos = open(server);
      await using suite = await SuiteNaming.open(nacos);
      expect(suite.naming.mode).toBe("watching");
      suite.naming.watchServices();
      const [cart, stock, mysql] = [
        { group: "shop", name: "cart" },
        { group: "shop", name: "stock" },
        { group: "legacy", name: "mysql" },
      ];
      for (const service of [cart, stock, mysql]) suite.naming.subscribe(service);
      await using app = await startNacosApp({
        nacos: server.address,
        instances: [
          { group: "shop", service: "cart", ip: "10.1.0.2", port: 8081, metadata: { protocol: "http" } },
          { group: "shop", service: "cart", ip: "10.1.0.3", port: 8081 },
          { group: "shop", service: "stock", ip: "10.1.0.4", port: 20880, cluster: "HZ", weight: 3.5 },
          { group: "legacy", service: "mysql", ip: "db.example", port: 3306, ephemeral: false },
        ],
      });
      await suite.sees(cart, "10.1.0.2:8081", "10.1.0.3:8081");
      await suite.sees(stock, "10.1.0.4:20880");
      await suite.sees(mysql, "db.example:3306");
      expect(suite.snapshots(cart).at(-1)?.instances[0]).toMatchObject({
        cluster: "DEFAULT",
        metadata: { protocol: "http" },
        ephemeral: true,
      });
      expect(suite.snapshots(stock).at(-1)?.instances).toMatchObject([{ cluster: "HZ", weight: 3.5 }]);
      expect(suite.snapshots(mysql).at(-1)?.instances).toMatchObject([{ ephemeral: false }]);
      await vi.waitFor(
        () => expect(suite.services()).toEqual(["legacy@@mysql", "shop@@cart", "shop@@stock"]),
        patient,
      );
      await app.kill("SIGKILL");
      await suite.sees(cart);
      await suite.sees(stock);
      await suite.sees(mysql, "db.example:3306");
      expect(suite.count("lost")).toBe(0);
      // Line 3 says so at once; the other lists a service for a while that has no instances.
      if (line === "3") await vi.waitFor(() => expect(suite.services()).toEqual(["legacy@@mysql"]), patient);
    });

    test("refuses a name with letters that it doesn't take, and nothing else", async () => {
      await using nacos = open(server);
      await using suite = await SuiteNaming.open(nacos);
      await using provider = await NacosProvider.open(server.address);
      await provider.set({ group: "shop", name: "good" }, [{ ip: "10.1.0.1", port: 80 }]);
      suite.naming.subscribe({ group: "shop", name: "中文 名" });
      suite.naming.subscribe({ group: "shop", name: "good" });
      await suite.sees({ group: "shop", name: "good" }, "10.1.0.1:80");
      await vi.waitFor(() => expect(suite.count("refused")).toBeGreaterThan(0), patient);
      const refused = suite.events.find(({ type }) => type === "refused");
      expect(refused).toMatchObject({ service: { name: "中文 名" }, error: { kind: "refused" } });
    });

    test("is left for another connection when it asks for that, without a gap", async () => {
      const others = await server.connectionIds();
      await using nacos = open(server);
      await using suite = await SuiteNaming.open(nacos);
      const ours = async () => (await server.connectionIds()).find((id) => !others.includes(id));
      await vi.waitFor(async () => expect(await ours()).toBeDefined(), patient);
      const id = await ours() ?? "";
      await using provider = await NacosProvider.open(server.address);
      const service = { group: "shop", name: "reset" };
      await provider.set(service, [{ ip: "10.1.0.1", port: 80 }]);
      suite.naming.subscribe(service);
      await suite.sees(service, "10.1.0.1:80");
      await server.resetConnection(id);
      await vi.waitFor(() => expect(suite.naming.connection?.number).toBe(2), patient);
      await vi.waitFor(() => expect(suite.snapshots(service).at(-1)?.connection).toBe(2), patient);
      expect(suite.count("lost")).toBe(0);
      expect(suite.snapshots(service).every(({ instances }) => instances.length === 1)).toBe(true);
      await provider.set(service, [{ ip: "10.1.0.2", port: 80 }]);
      await suite.sees(service, "10.1.0.2:80");
    });

    test("answers with nothing when it was restarted, and has changes again", async () => {
      await using nacos = open(server);
      await using suite = await SuiteNaming.open(nacos);
      const service = { group: "shop", name: "restarted" };
      suite.naming.subscribe(service);
      suite.naming.watchServices();
      {
        await using provider = await NacosProvider.open(server.address);
        await provider.set(service, [{ ip: "10.1.0.1", port: 80 }]);
        await suite.sees(service, "10.1.0.1:80");
        await server.kill();
      }
      await vi.waitFor(() => expect(suite.count("lost")).toBe(1), patient);
      expect(suite.addresses(service)).toEqual(["10.1.0.1:80"]);
      await server.restart();
      await vi.waitFor(
        () => expect(suite.snapshots(service).at(-1)).toMatchObject({ connection: 2, instances: [] }),
        patient,
      );
      await using provider = await NacosProvider.open(server.address);
      await provider.set(service, [{ ip: "10.1.0.2", port: 80 }]);
      await suite.sees(service, "10.1.0.2:80");
      await vi.waitFor(() => expect(suite.services()).toContain("shop@@restarted"), patient);
    });
  });

  describe.skipIf(needed.skip)("with logins", () => {
    const password = line === "2" ? "nacos" : "s3cret";
    let server: NacosServer;
    beforeAll(async () => {
      server = await startNacos({ line, password });
      await server.addNamespace("dev");
      await server.addReader("reader", "reader-password", "dev");
    });
    afterAll(() => server[Symbol.asyncDispose]());

    test("is read with the right password, by push and by polling", async () => {
      await using app = await startNacosApp({
        nacos: server.address,
        credentials: { username: "nacos", password },
        instances: [{ group: "shop", service: "orders", ip: "10.1.0.1", port: 80 }],
      });
      expect(app.pid).toBeDefined();
      for (const mode of ["watching", "polling"] as const) {
        await using nacos = open(server, { mode, credentials: login("nacos", password) });
        await using suite = await SuiteNaming.open(nacos);
        suite.naming.watchServices();
        suite.naming.subscribe({ group: "shop", name: "orders" });
        await suite.sees({ group: "shop", name: "orders" }, "10.1.0.1:80");
        await vi.waitFor(() => expect(suite.services()).toContain("shop@@orders"), patient);
        expect((await nacos.namespaces(signal())).map(({ id }) => id).toSorted()).toEqual(["dev", "public"]);
        // Line 2 has no login of the newest kind.
        expect(nacos.requests.get("login")).toBe(line === "3" ? 1 : 2);
      }
    });

    test.each(["watching", "polling"] as const)(
      "says that a password is wrong, or missing, with %s",
      async (mode) => {
        const service = { group: "shop", name: "orders" };
        for (
          const [credentials, text] of [
            [login("nacos", "wrong"), 'refuses the login of user "nacos"'],
            [login("nobody", "wrong"), 'refuses the login of user "nobody"'],
            [undefined, "wants a login, and none is configured"],
          ] as const
        ) {
          await using nacos = open(server, { mode, credentials });
          await using suite = new SuiteNaming(nacos, "");
          suite.naming.subscribe(service);
          await vi.waitFor(() => expect(suite.count("refused")).toBeGreaterThan(0), patient);
          const refused = suite.events.find((event) => event.type === "refused");
          expect(refused).toMatchObject({ service, error: { kind: "unauthorized" } });
          expect(refused?.error.message).toContain(text);
        }
      },
    );

    test("shows a reader of one namespace that one, and says that the other one is closed", async () => {
      await using nacos = open(server, { credentials: login("reader", "reader-password") });
      await using closed = await SuiteNaming.open(nacos);
      await using dev = await SuiteNaming.open(nacos, "dev");
      const service = { group: "shop", name: "orders" };
      for (const suite of [closed, dev]) suite.naming.subscribe(service);
      await dev.sees(service);
      // At first the server doesn't know the reader at all.
      await vi.waitFor(
        () =>
          expect(closed.events.findLast(({ type }) => type === "refused")).toMatchObject({
            error: { kind: "forbidden" },
          }),
        patient,
      );
      expect(closed.snapshots(service)).toEqual([]);
    });
  });
});
