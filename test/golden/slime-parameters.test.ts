import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { recordOf, startApi } from "../../services/aggregator/api/api-rig.ts";
import { sidecarRecord } from "../../services/aggregator/dependencies/sidecar-rig.ts";

/*
 * Every path of slime's debug API with every parameter. What a running slime answered is compared in
 * `live-slime.test.ts`; this is about the answers that nothing was recorded of.
 */

const type = "networking.istio.io/v1alpha3/ServiceEntry";
const sidecarType = "networking.istio.io/v1alpha3/Sidecar";

/** Starts an aggregator with two services and a Sidecar, and asks it. */
async function startSlime() {
  const { url } = await startApi(
    [
      recordOf("orders", { endpointLabels: { application: "order-app" } }),
      recordOf("stock", { namespace: "depot", addresses: ["10.0.0.2"] }),
      recordOf("com.acme.Mail", {
        registry: "zookeeper",
        namespace: "dubbo",
        labels: { path: "com.acme.Mail" },
      }),
      sidecarRecord("web", ["com.acme.Mail"]),
    ],
    { profile: "slime" },
  );
  return async (path: string, method = "GET") => {
    const response = await fetch(`${url}/meshregistry${path}`, { method });
    return {
      status: response.status,
      type: response.headers.get("content-type") ?? "",
      text: await response.text(),
    };
  };
}

const namesIn = (list: unknown): string[] =>
  Array.isArray(list)
    ? list.map((item: { name?: string; metadata?: { name?: string } }) =>
      item.name ?? item.metadata?.name ?? ""
    ).sort()
    : [];

describe("/xdsCache", () => {
  const start = async () => {
    const ask = await startSlime();
    return async (query: string) => await ask(`/xdsCache${query}`);
  };
  const all = ["com.acme.Mail", "orders", "stock"];

  test("every parameter, alone and together", async () => {
    const ask = await start();
    const gvk = async (query: string) => JSON.parse((await ask(query)).text);
    const everything = await gvk("");
    expect(Object.keys(everything).sort()).toEqual([type, sidecarType]);
    expect(namesIn(everything[type])).toEqual(all);
    for (const key of ["res", "typeUrl", "gvk"]) {
      expect(Object.keys(await gvk(`?${key}=${sidecarType}`)), key).toEqual([sidecarType]);
    }
    // The first one that is given counts.
    expect(Object.keys(await gvk(`?res=${type}&typeUrl=${sidecarType}&gvk=${sidecarType}`))).toEqual([type]);
    expect(namesIn((await gvk("?ns=depot"))[type])).toEqual(["stock"]);
    expect(namesIn(await gvk(`?layout=list&res=${type}`))).toEqual(all);
    const [newest] = (await gvk(`?layout=list&res=${type}`)).map(versionOf).toSorted().reverse();
    expect(await gvk(`?ver=${newest}`)).not.toHaveProperty([type]);
    expect(namesIn((await gvk("?ver=0"))[type])).toEqual(all);
    const kubernetes = await gvk(`?layout=list&res=${type}&k8sRsc=false`);
    expect(kubernetes[0]).toMatchObject({ kind: "ServiceEntry", metadata: { type: "core//" } });
  });

  test("one resource keeps its version, needs type and namespace, and ignores ver", async () => {
    const ask = await start();
    const one = JSON.parse((await ask(`?res=${type}&ns=shop&name=orders&ver=9`)).text);
    expect(one[type]).toMatchObject([{ name: "orders", resourceVersion: expect.stringMatching(/./) }]);
    for (const query of ["?name=orders", "?name=orders&ns=shop", `?name=orders&res=${type}`]) {
      expect(JSON.parse((await ask(query)).text), query).toEqual({});
    }
  });

  test("what nothing fits is empty in the way of its layout", async () => {
    const ask = await start();
    expect(JSON.parse((await ask("?ns=none")).text)).toEqual({});
    expect(JSON.parse((await ask("?ns=none&layout=list")).text)).toEqual([]);
    expect((await ask("?ns=none&layout=plain")).text).toBe("");
  });

  test("forms: YAML with its type, plain with a line after each, and 400 for others", async () => {
    const ask = await start();
    const yaml = await ask("?format=yaml");
    expect(yaml.type).toContain("text/yaml");
    expect(Object.keys(parse(yaml.text)).sort()).toEqual([type, sidecarType]);
    const plain = (await ask(`?layout=plain&res=${type}`)).text;
    expect(plain.endsWith("\n---\n")).toBe(true);
    const items: unknown = JSON.parse(`[${plain.split("\n---\n").filter((text) => text !== "").join(",")}]`);
    expect(namesIn(items)).toEqual(all);
    const documents = parseAllDocuments((await ask(`?layout=plain&format=yaml&res=${type}`)).text);
    expect(documents.length).toBeGreaterThanOrEqual(all.length);
    expect(await ask("?format=xml")).toMatchObject({ status: 400, text: "unsupported format xml" });
    expect(await ask("?layout=table")).toMatchObject({ status: 400, text: "unknown layout table" });
  });
});

/** The annotation that names a resource's version. */
function versionOf({ annotations }: { readonly annotations: Readonly<Record<string, string>> }): string {
  return annotations["ResourceVersion"] ?? "";
}

describe("the other paths", () => {
  test("every path answers with its form, whatever the method", async () => {
    const ask = await startSlime();
    for (
      const [path, form] of [
        ["/args", "application/json"],
        ["/clients", "application/json"],
        ["/pc", "application/json"],
        ["/nc", "application/json"],
        ["/eureka", "application/json"],
        ["/nacos", "application/json"],
        ["/zk", "application/json"],
        ["/zks", "application/json"],
        ["/dubboCallModel", "text/yaml"],
        ["/sidecarDubboCallModel", "text/yaml"],
        ["/xdsCache", "application/json"],
      ] as const
    ) {
      for (const method of ["GET", "POST", "PUT", "DELETE"]) {
        const answer = await ask(path, method);
        expect([answer.status, answer.type], `${method} ${path}`).toEqual([
          200,
          expect.stringContaining(form),
        ]);
      }
    }
    // A remark is ours: the entry of ZooKeeper is of no configured source.
    expect(await ask("/ready")).toMatchObject({ status: 200 });
    expect(JSON.parse((await ask("/eureka?registries=true")).text)).toEqual([
      { addresses: ["http://127.0.0.1:1/eureka"] },
    ]);
    const mail = "com.acme.Mail";
    expect(Object.keys(JSON.parse((await ask(`/zk?interfaceName=${mail}`)).text).cache)).toEqual([mail]);
    expect(JSON.parse((await ask("/zk?interfaceName=none")).text)).toEqual({ cache: null });
    expect(JSON.parse((await ask("/zks")).text)).toEqual({ [mail]: 1, "count-iface": 1 });
    expect(Object.keys(JSON.parse((await ask(`/zks?iface=${mail}`)).text))).toEqual([mail]);
    expect(Object.keys(JSON.parse((await ask("/zks?all=1")).text))).toEqual([mail]);
    expect(parse((await ask("/sidecarDubboCallModel?app=web")).text)).toEqual({
      web: { application: "web", provideservices: {}, consumeservices: { [mail]: {} } },
    });
    expect(parse((await ask("/dubboCallModel?app=none")).text)).toEqual({
      none: { application: "", provideservices: {}, consumeservices: {} },
    });
  });
});
