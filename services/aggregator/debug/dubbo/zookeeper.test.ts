import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../../../shared/config/mod.ts";
import { EmbeddedEntryLog } from "../../../../shared/entry-log/embedded.ts";
import type { Manifest, ServiceEntryManifest } from "../../../../shared/model/manifest.ts";
import type { Profile } from "../../../../shared/model/profile.ts";
import { encodeSubject } from "../../../../shared/model/subject.ts";
import { ResourceCache } from "../../catalogue/cache.ts";
import { zookeeperRoutes } from "./zookeeper.ts";

const { signal } = new AbortController();

function service(
  name: string,
  interfaceName: string,
  applications: readonly string[],
  annotations: Readonly<Record<string, string>> = {},
  host = name,
): ServiceEntryManifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: {
      name,
      namespace: "dubbo",
      labels: { path: interfaceName, registry: "zookeeper" },
      annotations,
      creationTimestamp: "2026-01-01T00:00:00.000Z",
    },
    spec: {
      hosts: [host],
      ports: [{ number: 20880, protocol: "DUBBO", name: "dubbo-20880" }],
      resolution: "STATIC",
      endpoints: applications.map((application, index) => ({
        address: `10.0.0.${applications.length - index}`,
        ports: { "dubbo-20880": 20880 },
        labels: { application },
      })),
    },
  };
}

function sidecar(application: string, hosts: string[], annotations: Record<string, string> = {}): Manifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "Sidecar",
    metadata: { name: `${application}.dubbo.generated`, namespace: "dubbo", labels: {}, annotations },
    spec: { workloadSelector: { labels: { app: application } }, egress: [hosts.length > 0 ? { hosts } : {}] },
  };
}

const orders = "com.acme.OrderService:g1:1.0";
const stock = "com.acme.StockService";

const slimeEntries: readonly Manifest[] = [
  service(orders, "com.acme.OrderService", ["order-app", "order-app"], { "meshregistry.io/methods": "a.b" }),
  service("com.acme.OrderService:g2:1.0", "com.acme.OrderService", ["other-app"]),
  service(stock, stock, ["stock-app"]),
  service("com.acme.Gone", "com.acme.Gone", [], { "meshregistry.io/empty-since": "2026-01-01T00:00:00Z" }),
  sidecar("order-app", [`*/${stock}`, "*/com.acme.Lost"], {
    "meshregistry.io/lost-since": JSON.stringify({ "com.acme.Lost": "2026-01-01T00:00:00.000Z" }),
  }),
  sidecar("stock-app", []),
  sidecar("past-app", [`*/${stock}`], { "meshregistry.io/gone-since": "2026-01-01T00:00:00Z" }),
];

async function asker(manifests: readonly Manifest[], profile: Profile, moreRoutes = new Hono()) {
  const entryLog = new EmbeddedEntryLog();
  const records = manifests.map((manifest) => ({
    subject: encodeSubject({
      ...manifest.metadata,
      kind: manifest.kind,
      registry: "zookeeper",
      source: "default",
    }),
    data: Buffer.from(JSON.stringify(manifest)),
  }));
  await entryLog.publish(records, signal);
  const { config } = loadConfig(JSON.stringify({ profile }), { env: {}, fileName: "test" });
  const app = new Hono().route("/", zookeeperRoutes({ config, cache: new ResourceCache(), entryLog }));
  app.route("/", moreRoutes);
  return {
    json: async (path: string): Promise<unknown> => await (await app.request(path)).json(),
    response: async (path: string) => await app.request(path),
  };
}

describe("/zk", () => {
  test("shows services by interface and key in slime's form", async () => {
    const ask = await asker(slimeEntries, "slime");
    expect(await ask.json("/zk?interfaceName=com.acme.OrderService")).toEqual({
      cache: {
        [orders]: {
          ServiceEntry: {
            hosts: [orders],
            ports: [{ number: 20880, protocol: "DUBBO", name: "dubbo-20880" }],
            resolution: "STATIC",
            endpoints: [1, 2].map((last) => ({
              address: `10.0.0.${last}`,
              ports: { "dubbo-20880": 20880 },
              labels: { application: "order-app" },
            })),
          },
          Meta: {
            Schema: null,
            FullName: { Namespace: "dubbo", Name: orders },
            CreateTime: "2026-01-01T00:00:00.000Z",
            Version: "",
            Generation: 0,
            Labels: { path: "com.acme.OrderService", registry: "zookeeper", methods: "a.b" },
            Annotations: {},
          },
        },
        "com.acme.OrderService:g2:1.0": expect.anything(),
      },
    });
    expect(await ask.json("/zk")).toMatchObject({
      cache: { "com.acme.OrderService": {}, "com.acme.StockService": {}, "com.acme.Gone": {} },
    });
    expect(await ask.json("/zk?interfaceName=x")).toEqual({ cache: null });
  });

  test("leaves raw instances to the collector in the same process, and says so where there is none", async () => {
    const alone = await asker(slimeEntries, "slime");
    const missing = await alone.response("/zk?registry_services=true");
    expect(missing.status).toBe(404);
    expect(await missing.text()).toContain("collector");
    const collector = new Hono().get("/zk", (c) => c.json({ cache: { raw: true } }));
    const together = await asker(slimeEntries, "slime", collector);
    expect(await together.json("/zk?registry_services=1")).toEqual({ cache: { raw: true } });
    expect(await together.json("/zk?registry_services=no&interfaceName=x")).toEqual({ cache: null });
  });
});

describe("/zks", () => {
  test("counts endpoints by service", async () => {
    const ask = await asker(slimeEntries, "slime");
    expect(await ask.json("/zks")).toEqual({
      [orders]: 2,
      "com.acme.OrderService:g2:1.0": 1,
      [stock]: 1,
      "count-iface": 3,
    });
  });

  test("shows an interface, a service, or all", async () => {
    const ask = await asker(slimeEntries, "slime");
    const { cache } = Object(await ask.json("/zk"));
    expect(await ask.json("/zks?all=1")).toEqual(cache);
    expect(await ask.json("/zks?iface=com.acme.OrderService")).toEqual({
      "com.acme.OrderService": cache["com.acme.OrderService"],
    });
    expect(await ask.json(`/zks?iface=${orders}`)).toEqual({
      [orders]: cache["com.acme.OrderService"][orders],
    });
    expect(await ask.json("/zks?iface=x&all=1")).toEqual({});
  });
});

describe("/dubboCallModel", () => {
  test("shows who provides and who consumes now", async () => {
    const response = await (await asker(slimeEntries, "slime")).response("/dubboCallModel");
    expect(response.headers.get("Content-Type")).toBe("text/yaml");
    expect(await response.text()).toBe(`order-app:
  application: order-app
  provideservices:
    com.acme.OrderService:g1:1.0: {}
  consumeservices:
    com.acme.StockService: {}
other-app:
  application: other-app
  provideservices:
    com.acme.OrderService:g2:1.0: {}
  consumeservices: {}
stock-app:
  application: stock-app
  provideservices:
    com.acme.StockService: {}
  consumeservices: {}
`);
  });

  test("shows one application, and nothing of an unknown one", async () => {
    const ask = await asker(slimeEntries, "slime");
    expect(await (await ask.response("/dubboCallModel?app=x")).text()).toBe(`x:
  application: ""
  provideservices: {}
  consumeservices: {}
`);
  });

  test("shows nothing of an empty stream, and says when the stream can't be read", async () => {
    const ask = await asker([], "slime");
    expect(await (await ask.response("/dubboCallModel")).text()).toBe("{}\n");
    const broken = new EmbeddedEntryLog();
    broken.readBack = () => {
      throw new Error("NATS is away");
    };
    const { config } = loadConfig("{}", { env: {}, fileName: "test" });
    const routes = zookeeperRoutes({ config, cache: new ResourceCache(), entryLog: broken });
    const response = await new Hono().route("/", routes).request("/zks");
    expect(response.status).toBe(503);
    expect(await response.text()).toContain("NATS is away");
  });

  test("shows slime's keys where hosts are others", async () => {
    const annotations = {
      "dubbo.meshregistry.io/interface": "com.acme.OrderService",
      "dubbo.meshregistry.io/version": "1.0",
    };
    const host = "com.acme.order-service.1-0.v";
    const ask = await asker([
      service(host, "com.acme.OrderService", ["order-app"], annotations),
      sidecar("web", [`*/${host}`]),
      sidecar("order-app", ["~/*"]),
    ], "istio");
    expect(await (await ask.response("/dubboCallModel?app=web")).text()).toBe(`web:
  application: web
  provideservices: {}
  consumeservices:
    com.acme.OrderService::1.0: {}
`);
    expect(await ask.json("/zks")).toEqual({ "com.acme.OrderService::1.0": 1, "count-iface": 1 });
  });
});

describe("/sidecarDubboCallModel", () => {
  test("shows what Sidecars let through, with what is held back", async () => {
    const response = await (await asker(slimeEntries, "slime")).response("/sidecarDubboCallModel");
    expect(await response.text()).toBe(`order-app:
  application: order-app
  provideservices: {}
  consumeservices:
    com.acme.Lost: {}
    com.acme.StockService: {}
past-app:
  application: past-app
  provideservices: {}
  consumeservices:
    com.acme.StockService: {}
stock-app:
  application: stock-app
  provideservices: {}
  consumeservices: {}
`);
  });
});
