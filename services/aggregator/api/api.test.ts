import { describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { Manifest, ServiceDetail, ServicePage } from "../../../shared/api/services.ts";
import {
  ClientList,
  ConflictList,
  HeldList,
  Overview,
  RejectionList,
  SourceList,
} from "../../../shared/api/state.ts";
import { nodeOf, openDelta, openStream } from "../xds/grpc-client-rig.ts";
import { SimulatedIstiod } from "../xds/simulated-istiod-rig.ts";
import { recordOf, startApi, subjectOf } from "./api-rig.ts";

const names = (page: z.infer<typeof ServicePage>) => page.services.map(({ name }) => name);

describe("/api/v1/services", () => {
  test("has every service once, whatever the size of a page", async () => {
    const all = Array.from({ length: 23 }, (_, index) => `s${index}`);
    const { ask } = await startApi(all.map((name) => recordOf(name)));
    for (const limit of [1, 7, 23, 1000]) {
      const found: string[] = [];
      let next: string | null = "";
      while (next !== null) {
        const page: z.infer<typeof ServicePage> = await ask(
          `/services?limit=${limit}${next === "" ? "" : `&cursor=${next}`}`,
          ServicePage,
        );
        expect(page.served).toBe(23);
        found.push(...names(page));
        ({ next } = page);
      }
      expect(found).toEqual(all.map((name) => `shop/${name}`).sort());
    }
  });

  test("finds by host, address, application, label and text", async () => {
    const { ask } = await startApi([
      recordOf("orders", { addresses: ["10.0.0.7", "10.0.0.70"], endpointLabels: { zone: "a" } }),
      recordOf("stock", {
        hosts: ["Com.Acme.Stock"],
        addresses: ["10.0.0.70"],
        labels: { app: "warehouse" },
      }),
      recordOf("pay", {
        registry: "nacos",
        namespace: "money",
        addresses: ["fd00::7"],
        endpointLabels: { application: "till" },
      }),
    ]);
    const find = async (query: string) => names(await ask(`/services?${query}`, ServicePage));
    expect(await find("ip=10.0.0.7")).toEqual(["shop/orders"]);
    expect(await find("ip=10.0.0.7:20880")).toEqual(["shop/orders"]);
    expect(await find("ip=10.0.0.70")).toEqual(["shop/orders", "shop/stock"]);
    expect(await find("ip=[fd00::7]:80")).toEqual(["money/pay"]);
    expect(await find("ip=10.0.0")).toEqual([]);
    expect(await find("host=acme.st")).toEqual(["shop/stock"]);
    expect(await find("application=warehouse")).toEqual(["shop/stock"]);
    expect(await find("application=till")).toEqual(["money/pay"]);
    expect(await find("application=orders")).toEqual(["shop/orders"]);
    expect(await find("label=zone%3Da")).toEqual(["shop/orders"]);
    expect(await find("label=zone%3Db")).toEqual([]);
    expect(await find("label=app")).toEqual(["shop/stock"]);
    expect(await find("q=STOCK")).toEqual(["shop/stock"]);
    expect(await find("q=till")).toEqual(["money/pay"]);
    expect(await find("registry=nacos")).toEqual(["money/pay"]);
    expect(await find("source=eureka")).toEqual(["shop/orders", "shop/stock"]);
    expect(await find("namespace=money")).toEqual(["money/pay"]);
    expect(await find("namespace=money&q=orders")).toEqual([]);
  });

  test("names what is odd of a service", async () => {
    const { ask } = await startApi([
      recordOf("fine"),
      recordOf("empty", { addresses: [] }),
      recordOf("both", { hosts: ["both.shop"] }),
      recordOf("both", { registry: "nacos", hosts: ["both.shop"], addresses: ["10.0.0.2"] }),
      recordOf("odd", { addresses: ["10.0.0.3", "fe80::1"] }),
    ]);
    const page = await ask("/services", ServicePage);
    const rows = Object.fromEntries(
      page.services.map(({ name, flags, sources }) => [name, { flags, sources }]),
    );
    expect(rows).toEqual({
      "shop/fine": { flags: [], sources: ["eureka"] },
      "shop/empty": { flags: ["empty"], sources: ["eureka"] },
      "shop/both": { flags: ["conflict"], sources: ["eureka", "nacos"] },
      "shop/odd": { flags: ["rejected"], sources: ["eureka"] },
    });
    expect(names(await ask("/services?flag=conflict", ServicePage))).toEqual(["shop/both"]);
  });

  test("says which parameter it doesn't take", async () => {
    const { request } = await startApi();
    for (
      const [query, word] of [
        ["limit=0", "limit"],
        ["limit=many", "limit"],
        ["flag=nice", "flag"],
        ["ipp=1", '{"error":"query: Unrecognized key: \\"ipp\\""}'],
        [`q=${"x".repeat(5000)}`, "too long"],
      ] as const
    ) {
      const response = await request(`/services?${query}`);
      expect(response.status).toBe(400);
      expect(await response.text()).toContain(word);
    }
  });
});

describe("/api/v1/services/NAMESPACE/NAME", () => {
  test("has endpoints with their source, records of each source and the conflict", async () => {
    const { ask, request } = await startApi([
      recordOf("both", { hosts: ["both.shop"], addresses: ["10.0.0.1", "fe80::1"] }),
      recordOf("both", { registry: "nacos", hosts: ["both.shop"], addresses: ["10.0.0.2"] }),
    ]);
    const detail = await ask("/services/shop/both", ServiceDetail);
    expect(detail.endpointList.map(({ address, ports, source }) => ({ address, ports, source }))).toEqual([
      { address: "10.0.0.1", ports: { "http-80": 8080 }, source: "eureka" },
      { address: "10.0.0.2", ports: { "http-80": 8080 }, source: "nacos" },
    ]);
    expect(detail.ports).toEqual([{ number: 80, name: "http-80", protocol: "HTTP", targetPort: null }]);
    const [eureka, nacos] = detail.records;
    expect(eureka).toMatchObject({
      source: "eureka",
      endpoints: 1,
      subject: subjectOf("both"),
      inDoubt: null,
    });
    expect(eureka?.rejection).toMatchObject({
      serving: "it without these endpoints",
      violations: [{ rule: "E1" }],
    });
    expect(nacos).toMatchObject({ source: "nacos", rejection: null });
    expect(detail.conflicts).toMatchObject([{ host: "both.shop", outcome: "merged" }]);
    expect(await ask("/services/shop/both/manifest", Manifest)).toEqual(detail.manifest);
    const yaml = await (await request("/services/shop/both/manifest?format=yaml")).text();
    expect(parse(yaml)).toEqual(detail.manifest);
    expect(yaml).toMatch(/^apiVersion: networking\.istio\.io/);
    expect((await request("/services/shop/nowhere/manifest")).status).toBe(404);
    expect(detail.manifest).toMatchObject({
      kind: "ServiceEntry",
      metadata: {
        name: "both",
        namespace: "shop",
        annotations: { ResourceVersion: detail.position },
      },
    });
    // Kubernetes refuses to create an object that has one.
    expect(yaml).not.toContain("resourceVersion");
  });

  test("says who has it: first nobody, then the client that acknowledged it", async () => {
    const { ask, aggregator } = await startApi([recordOf("orders")]);
    expect((await ask("/services/shop/orders", ServiceDetail)).holders).toEqual([]);
    const istiod = new SimulatedIstiod();
    istiod.connect(aggregator.xdsAddresses);
    await expect.poll(async () => (await ask("/services/shop/orders", ServiceDetail)).holders)
      .toMatchObject([{ has: "current" }]);
    await expect.poll(async () => (await ask("/clients", ClientList)).clients).toMatchObject([{
      upToDate: true,
    }]);
  });

  test("says of a client that refuses a response that it lacks what that brought, since when and why", async () => {
    const { ask, aggregator, publish } = await startApi([recordOf("orders")]);
    const [address = ""] = aggregator.xdsAddresses;
    const client = openStream(address);
    const typeUrl = "networking.istio.io/v1/ServiceEntry";
    client.send({ typeUrl, node: nodeOf(), responseNonce: "boot" });
    const first = await client.next();
    client.send({ typeUrl, versionInfo: first.versionInfo, responseNonce: first.nonce });
    const clients = async () => (await ask("/clients", ClientList)).clients;
    await expect.poll(clients).toMatchObject([
      { upToDate: true, behindMs: null, changesBehind: 0, lastRefusal: null },
    ]);
    await publish(recordOf("orders", { addresses: ["10.0.0.9"] }));
    const second = await client.next();
    const errorDetail = { message: "shop/orders: no thanks" };
    client.send({ typeUrl, versionInfo: first.versionInfo, responseNonce: second.nonce, errorDetail });
    await expect.poll(clients).toMatchObject([{
      upToDate: false,
      behindMs: expect.any(Number),
      changesBehind: 1,
      lastRefusal: { typeUrl, message: "shop/orders: no thanks", names: ["shop/orders"] },
    }]);
    expect(await ask("/overview", Overview)).toMatchObject({
      clientsBehind: 1,
      clientsRefusing: 1,
      furthestBehindMs: expect.any(Number),
      notices: [{ code: "MR2602" }],
    });
    await publish(recordOf("more"));
    const third = await client.next();
    expect((await ask("/services/shop/more", ServiceDetail)).holders).toMatchObject([{ has: "behind" }]);
    client.send({
      typeUrl,
      versionInfo: third.versionInfo,
      responseNonce: third.nonce,
      errorDetail: { message: "no" },
    });
    await expect.poll(async () => (await clients())[0]?.lastRefusal?.message).toBe("no");
    expect((await ask("/services/shop/more", ServiceDetail)).holders).toMatchObject([
      { has: "behind", detail: "it refused its last response: no" },
    ]);
    await publish(recordOf("last"));
    const fourth = await client.next();
    client.send({ typeUrl, versionInfo: fourth.versionInfo, responseNonce: fourth.nonce });
    await expect.poll(clients).toMatchObject([
      { upToDate: true, behindMs: null, changesBehind: 0, lastRefusal: { message: "no", names: [] } },
    ]);
    const { totals } = await ask("/overview", Overview);
    expect(totals).toMatchObject({ pushes: 4, acknowledged: 1 });
    expect(totals.read).toBeGreaterThan(4);
  });

  test("says that a client of one registry has it, whatever the others' parts of it", async () => {
    const other = recordOf("other", { registry: "nacos" });
    const { ask, aggregator, publish } = await startApi([
      recordOf("orders"),
      recordOf("orders", { registry: "nacos", addresses: ["10.0.0.2"] }),
      other,
    ]);
    const [address = ""] = aggregator.xdsAddresses;
    const client = openDelta(address);
    const typeUrl = "networking.istio.io/v1/ServiceEntry";
    client.send({ typeUrl, node: nodeOf({ MESHREGISTRY_REGISTRIES: "nacos" }) });
    const { nonce, resources } = await client.next();
    expect(resources.map(({ name }) => name).sort()).toEqual(["shop/orders", "shop/other"]);
    client.send({ typeUrl, responseNonce: nonce });
    const holders = async () => (await ask("/services/shop/orders", ServiceDetail)).holders;
    await expect.poll(holders).toMatchObject([{ has: "current" }]);

    await publish(recordOf("orders", { addresses: ["10.0.0.3"] }));
    await publish(recordOf("other", { registry: "nacos", addresses: ["10.0.0.9"] }));
    // Not acknowledged: what the client has of the other one is another question.
    expect((await client.next()).resources.map(({ name }) => name)).toEqual(["shop/other"]);
    expect(await holders()).toMatchObject([{ has: "current" }]);
  });

  test("an unknown service is a 404 that says where to go on", async () => {
    const { request } = await startApi();
    const response = await request("/services/shop/never");
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("trace");
  });
});

test("all other answers have the form of their schemas", async () => {
  const { ask } = await startApi([
    recordOf("both", { hosts: ["both.shop"] }),
    recordOf("both", { registry: "nacos", hosts: ["both.shop"] }),
    recordOf("bad", { hosts: ["no host"] }),
  ]);
  expect(await ask("/sources", SourceList)).toMatchObject({
    sources: [{ key: "eureka", state: "synced" }, { key: "nacos", state: "not configured" }],
  });
  expect(await ask("/held", HeldList)).toEqual({ held: [], collectors: [] });
  expect(await ask("/conflicts", ConflictList)).toMatchObject({
    counts: { merged: 1 },
    conflicts: [{ host: "both.shop", served: [{ name: "shop/both" }] }],
  });
  expect(await ask("/rejections", RejectionList)).toMatchObject({
    rejections: [{ name: "shop/bad", source: "eureka", serving: "nothing" }],
  });
  const overview = await ask("/overview", Overview);
  expect(overview).toMatchObject({ open: true, services: 1, rejected: 1, conflicts: 1, clients: 0 });
  expect(overview.notices.map(({ code }) => code).toSorted()).toEqual(["MR2102", "MR2501", "MR3004"]);
});

test("the overview names what the entry log's stream is warned of", async () => {
  const { ask, get, entryLog } = await startApi();
  const notices = async () =>
    (await ask("/overview", Overview)).notices.filter(({ code }) => code === "MR3005");
  expect(await notices()).toEqual([]);
  const warnings = ["its max_age is 3 s"];
  vi.spyOn(entryLog, "status").mockReturnValue({ connected: true, detail: "NATS", warnings });
  expect(await notices()).toMatchObject([
    { severity: "warning", text: "The entry log: its max_age is 3 s", command: "meshctl doctor" },
  ]);
  expect(JSON.parse((await get("/meshregistry/sources")).text)).toMatchObject({ entryLog: { warnings } });
});

describe("every answer", () => {
  test("is in YAML for who wants that", async () => {
    const { request } = await startApi([recordOf("orders")]);
    const json: unknown = await (await request("/services")).json();
    for (
      const [path, headers] of [["/services?format=yaml", {}], ["/services", {
        accept: "application/yaml",
      }]] as const
    ) {
      const response = await request(path, headers);
      expect(response.headers.get("content-type")).toBe("application/yaml");
      expect(parse(await response.text())).toEqual(json);
    }
  });

  test("costs 304 as long as nothing changes, and no longer", async () => {
    const { request, publish, aggregator } = await startApi([recordOf("orders")]);
    const etag = (await request("/services")).headers.get("etag") ?? "";
    expect(etag).not.toBe("");
    expect((await request("/services", { "if-none-match": etag })).status).toBe(304);
    await publish(recordOf("stock"));
    await expect.poll(() => aggregator.cache.count("ServiceEntry").resources).toBe(2);
    expect((await request("/services", { "if-none-match": etag })).status).toBe(200);
  });

  test("is kept from other sites and from being taken for a page", async () => {
    const name = "<img src=x onerror=alert(1)>";
    const { request } = await startApi([recordOf("x", { labels: { app: name } })]);
    const response = await request(`/services?q=${encodeURIComponent(name)}`);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "application/json",
      "x-content-type-options": "nosniff",
      "content-security-policy": expect.stringContaining("default-src 'none'"),
      "cross-origin-resource-policy": "same-origin",
    });
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
    expect((await request("/services", { "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect((await request("/services", {}, "POST")).status).toBe(405);
    expect((await request("/nothing")).status).toBe(404);
  });

  test("has no secret, and the token guards it", async () => {
    const { url, request } = await startApi([], {
      http: { address: "127.0.0.1:0", token: "t0p-secret" },
      eurekaSource: { enabled: true, address: ["http://me:pa55word@127.0.0.1:1/eureka"], waitTime: "1h" },
    });
    expect((await request("/overview")).status).toBe(401);
    const document = z.object({ paths: z.record(z.string(), z.unknown()) });
    const headers = { authorization: "Bearer t0p-secret" };
    const { paths } = document.parse(await (await request("/openapi.json", headers)).json());
    for (const path of Object.keys(paths).filter((each) => each !== "/events")) {
      const text = await (await fetch(`${url}/api/v1${path}`, { headers })).text();
      expect(text).not.toMatch(/pa55word|t0p-secret/);
    }
  });
});

test("the OpenAPI document describes all there is, with parameters and answers", async () => {
  const { request, get } = await startApi();
  const About = z.object({
    operationId: z.string(),
    parameters: z.array(z.object({ name: z.string(), in: z.string(), schema: z.looseObject({}) })).default(
      [],
    ),
    requestBody: z.looseObject({ content: z.looseObject({}) }).optional(),
    responses: z.looseObject({ 200: z.looseObject({ content: z.looseObject({}) }) }),
  });
  const Document = z.object({
    openapi: z.literal("3.1.0"),
    paths: z.record(
      z.string(),
      z.union([
        z.strictObject({ get: About }),
        z.strictObject({ post: About.required({ requestBody: true }) }),
      ]),
    ),
  });
  const { paths } = Document.parse(await (await request("/openapi.json")).json());
  const pages = (await get("/meshregistry")).text.split("\n").flatMap((line) =>
    /\/api\/v1(\/\S+)/.exec(line)?.[1] ?? []
  );
  const described = Object.keys(paths).map((path) => path.replaceAll(/\{(\w+)\}/g, ":$1"));
  expect(pages.filter((path) => path !== "/openapi.json").toSorted()).toEqual(described.toSorted());
  const about = paths["/services"];
  const services = about !== undefined && "get" in about ? about.get.parameters.map(({ name }) => name) : [];
  expect(services).toEqual(expect.arrayContaining(["q", "ip", "cursor", "limit", "format"]));
});
