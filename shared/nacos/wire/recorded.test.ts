import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { clientOf, startServer } from "../nacos-rig.ts";
import type { ServiceName } from "../nacos.ts";
import { FuzzyWatch } from "../grpc/fuzzy-watch.ts";
import { isObject, textOr } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { decodeMessage, encodeMessage } from "./payload.ts";
import { decodeServiceInfo } from "./service-info.ts";

const data = join(import.meta.dirname, "../../../test/data/nacos");
const signal = () => AbortSignal.timeout(10_000);

interface Recorded {
  readonly dir: string;
  readonly type: string;
  readonly body: JsonObject;
}

/** The messages of a recorded conversation. */
function conversation(file: string): readonly Recorded[] {
  return readFileSync(join(data, "grpc", file), "utf8").trim().split("\n").flatMap((line) => {
    const message: unknown = JSON.parse(line);
    if (!isObject(message) || typeof message["type"] !== "string" || !isObject(message["body"])) return [];
    return [{ dir: textOr(message["dir"], ""), type: message["type"], body: message["body"] }];
  });
}

function read(path: string): string {
  return readFileSync(join(data, path), "utf8");
}

describe("Messages of real servers and clients", () => {
  test.each(readdirSync(join(data, "grpc")))("%s: come out as they went in", (file) => {
    for (const { type, body } of conversation(file)) {
      expect(decodeMessage(encodeMessage({ type, body }))).toMatchObject({ type, body });
    }
  });

  test.each([
    ["server-3.1.0-client-3.1.1.jsonl", 9],
    ["server-2.3.2-client-2.5.1.jsonl", 8],
    ["rnacos-0.8.8-client-3.1.1.jsonl", 3],
  ])("%s: every push is understood", (file, count) => {
    const pushes = conversation(file).filter(({ type }) => type === "NotifySubscriberRequest");
    expect(pushes).toHaveLength(count);
    for (const { body } of pushes) {
      const info = body["serviceInfo"];
      const { service, instances, invalid, serverTimeMs } = decodeServiceInfo(info);
      expect(invalid).toEqual([]);
      expect(serverTimeMs).toBeGreaterThan(1.7e12);
      const hosts = isObject(info) && Array.isArray(info["hosts"]) ? info["hosts"] : [];
      expect(instances).toHaveLength(hosts.length);
      for (const host of hosts) {
        expect(isObject(host) && host["serviceName"]).toBe(`${service.group}@@${service.name}`);
      }
    }
  });

  test("what 3.1.0 tells of services is what was registered, came and went", () => {
    const watch = new FuzzyWatch("public", undefined);
    watch.begin(0);
    const findings = conversation("server-3.1.0-client-3.1.1.jsonl").flatMap(({ dir, type, body }) =>
      dir === "S" ? watch.take(type, body, 1) : []
    );
    const name = ({ group, name: service }: ServiceName) => `${group}/${service}`;
    expect(
      findings.map((one) =>
        one.type === "services" ? one.services.map(name).join(" ") : `${one.type} ${name(one.service)}`
      ),
    ).toEqual([
      "shop/cart legacy/mysql DEFAULT_GROUP/orders shop/stock",
      "service-added shop/late",
      "service-gone shop/late",
      expect.stringMatching(/^service-gone/),
      expect.stringMatching(/^service-gone/),
      expect.stringMatching(/^service-gone/),
    ]);
  });
});

describe("Answers of real servers over HTTP", () => {
  /** A client of a server that gives recorded answers, by path; what isn't there is a 404. */
  async function replay(folder: string, answers: Readonly<Record<string, readonly [number, string]>>) {
    const server = await startServer();
    server.httpFault = ({ path }) => {
      const [status, file] = answers[path] ?? [404, undefined];
      return { status, body: file === undefined ? "" : read(`${folder}/${file}`) };
    };
    return clientOf([server], { mode: "polling", consoleUrl: `http://${server.address}` });
  }

  test("2.3.2", async () => {
    const client = await replay("http-2.3.2", {
      "/v3/admin/core/state": [404, "v3-state.json"],
      "/v1/console/server/state": [200, "v1-state.json"],
      "/v1/console/namespaces": [200, "v1-namespaces.json"],
      "/v1/ns/catalog/services": [200, "v1-catalog.json"],
      "/v1/ns/service/list": [200, "v1-service-list.json"],
      "/v1/ns/instance/list": [200, "v1-instance-list.json"],
    });
    expect(await client.detect(signal())).toEqual({ generation: 2, version: "2.3.2" });
    expect(await client.namespaces(signal())).toEqual([{ id: "public", name: "public" }]);
    const all = client.openNaming("");
    expect((await all.listServices(signal())).map(({ group, name }) => `${group}/${name}`)).toEqual([
      "shop/stock",
      "legacy/mysql",
      "DEFAULT_GROUP/orders",
      "shop/cart",
    ]);
    const shop = client.openNaming("", { groups: ["shop"] });
    expect(await shop.listServices(signal())).toEqual(
      ["stock", "late", "cart"].map((name) => ({ group: "shop", name })),
    );
    const { instances } = await all.query({ group: "shop", name: "cart" }, signal());
    expect(instances.map(({ ip, port, metadata }) => [ip, port, metadata["protocol"]])).toEqual([
      ["10.1.0.2", 8081, "http"],
      ["10.1.0.3", 8081, "http"],
      ["10.1.0.5", 8081, "http"],
    ]);
  });

  test("3.1.0, whose older APIs are gone in part", async () => {
    const client = await replay("http-3.1.0", {
      "/v3/admin/core/state": [200, "v3-state.json"],
      "/v1/console/namespaces": [410, "v1-namespaces.json"],
      "/v3/admin/core/namespace/list": [200, "v3-admin-namespace-list.json"],
      "/v3/admin/ns/service/list": [200, "v3-admin-service-list.json"],
      "/v2/ns/service/list": [410, "v2-service-list-410.json"],
      "/v1/ns/instance/list": [410, "v2-instance-list-410.json"],
      "/v3/client/ns/instance/list": [200, "v3-client-instance-list.json"],
    });
    expect(await client.detect(signal())).toEqual({ generation: 3, version: "3.1.0-bugfix" });
    expect(await client.namespaces(signal())).toEqual([{ id: "public", name: "public" }]);
    const naming = client.openNaming("");
    expect(await naming.listServices(signal())).toHaveLength(5);
    const shop = client.openNaming("", { groups: ["shop"] });
    expect((await shop.listServices(signal())).map(({ name }) => name)).toEqual(["stock", "late", "cart"]);
    expect((await naming.query({ group: "shop", name: "cart" }, signal())).instances).toHaveLength(3);
  });

  test("3.1.0 by its console", async () => {
    const client = await replay("http-3.1.0", {
      "/v3/admin/core/state": [200, "v3-state.json"],
      "/v3/console/core/namespace/list": [200, "console-namespace-list.json"],
      "/v3/console/ns/service/list": [200, "console-service-list.json"],
    });
    expect(await client.namespaces(signal())).toEqual([{ id: "public", name: "public" }]);
    expect(await client.openNaming("").listServices(signal())).toHaveLength(5);
  });
});
