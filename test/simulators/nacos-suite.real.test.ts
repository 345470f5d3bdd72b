import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openNacos } from "../../shared/nacos/open-nacos.ts";
import { NacosProvider } from "../../shared/nacos/provider-rig.ts";
import { requireReal, useServer } from "../servers/find.ts";
import { startNacos } from "../servers/nacos.ts";
import type { NacosServer } from "../servers/nacos.ts";
import { startRnacos } from "../servers/rnacos.ts";
import { SuiteNaming } from "./nacos-suite-client.ts";
import type { NacosSuiteServer } from "./nacos-suite-client.ts";
import { nacosSuite } from "./nacos-suite.ts";

const servers = [
  {
    name: "nacos-3",
    generation: 3,
    start: () => startNacos({ line: "3" }),
    hasFuzzyWatch: true,
    isNacos: true,
  },
  {
    name: "nacos-2",
    generation: 2,
    start: () => startNacos({ line: "2" }),
    hasFuzzyWatch: false,
    isNacos: true,
  },
  { name: "rnacos", generation: 2, start: startRnacos, hasFuzzyWatch: false, isNacos: false },
] as const;

for (const { name, generation, start, hasFuzzyWatch, isNacos } of servers) {
  describe.skipIf(requireReal(name).skip)("With a real server", () => {
    let server: NacosServer;
    // One for both: it takes ten seconds and half a gigabyte.
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server[Symbol.asyncDispose]());

    for (const mode of ["watching", "polling"] as const) {
      nacosSuite(`${name}, ${mode}`, {
        start: () => Promise.resolve(suiteServer(server, isNacos)),
        mode,
        generation,
        hasFuzzyWatch: hasFuzzyWatch && mode === "watching",
        isNacos,
      });
    }
  });
}

describe.skipIf(requireReal("nacos-2", "nacos-package").skip)("With the package of Nacos", () => {
  let server: NacosServer;
  beforeAll(async () => {
    useServer("nacos-package");
    server = await startNacos({ line: "2" });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  nacosSuite("nacos-2, package", {
    start: () => Promise.resolve(suiteServer(server, true)),
    mode: "polling",
    generation: 2,
    hasFuzzyWatch: false,
    isNacos: true,
    driver: "package",
  });

  test("a change is seen long before it would be polled for", async () => {
    await using provider = await NacosProvider.open(server.address);
    const service = { group: "hints", name: "orders" };
    await provider.set(service, [{ ip: "10.1.0.1", port: 80, cluster: "HZ" }]);
    await using nacos = openNacos({
      servers: [server.address],
      mode: "auto",
      driver: "package",
      refreshPeriodMs: 3_600_000,
    });
    await using suite = await SuiteNaming.open(nacos);
    suite.naming.subscribe(service);
    await suite.sees(service, "10.1.0.1:80");
    expect(suite.naming.mode).toBe("polling");
    await provider.set(service, [{ ip: "10.1.0.1", port: 80 }, { ip: "10.1.0.2", port: 80 }]);
    await suite.sees(service, "10.1.0.1:80", "10.1.0.2:80");
    await provider.set(service, [{ ip: "10.1.0.3", port: 80 }]);
    await suite.sees(service, "10.1.0.3:80");
    suite.naming.unsubscribe(service);
  });
});

function suiteServer(server: NacosServer, isNacos: boolean): NacosSuiteServer {
  const { address } = server;
  return {
    address,
    openProvider: (namespace) => NacosProvider.open(address, { namespace, isNacos }),
    addNamespace: (id) => server.addNamespace(id),
    setConfig: (group, dataId, content) => server.setConfig(group, dataId, content),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
