import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { run } from "../../meshctl-rig.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshctl-convert-"));
});
afterAll(() => rm(folder, { recursive: true }));

const instance = (address: string, more: object = {}) => ({
  instanceId: `${address}:8080`,
  ipAddr: address,
  status: "UP",
  port: { $: 8080, "@enabled": "true" },
  ...more,
});
const app = (name: string, ...instances: readonly object[]) => ({ name, instance: instances });

const ownConfig = (more: object = {}) => ({
  eurekaSource: { enabled: true, address: ["http://localhost:8761/eureka"], ...more },
});

/** Converts the input (a text, or a value as JSON), with a configuration if there is one. */
async function convert(input: unknown, config?: object, ...more: readonly string[]) {
  const file = join(folder, "input.json");
  await writeFile(file, typeof input === "string" ? input : JSON.stringify(input));
  const args = ["--source", "eureka", file, "-o", "json", ...more];
  if (config !== undefined) {
    const configFile = join(folder, "config.yaml");
    await writeFile(configFile, JSON.stringify(config));
    args.push("--config", configFile);
  }
  const { code, out, err } = await run("convert", ...args);
  return { code, out, err: err.replaceAll(`${folder}/`, "") };
}

function names(json: string): string[] {
  const manifests: { metadata: { name: string; namespace: string } }[] = JSON.parse(json);
  return manifests.map(({ metadata: { name, namespace } }) => `${namespace}/${name}`);
}

describe("meshctl convert --source eureka", () => {
  const applications = [
    app("ORDERS", instance("10.0.0.2"), instance("10.0.0.1")),
    app("Cart", instance("10.0.1.1")),
  ];

  test("says that hosts which aren't HTTP would get addresses that it can't know, and only then", async () => {
    const tcp = await convert(applications, ownConfig({ svcProtocol: "TCP" }));
    expect(tcp.err).toBe(
      "note: 2 of the entries would be served with a virtual address, which a dry run can't know\n",
    );
    expect(tcp.out).not.toContain("241.");
    const config = { ...ownConfig({ svcProtocol: "TCP" }), virtualAddresses: { mode: "never" } };
    expect((await convert(applications, config)).err).toContain("[rule S5]");
    expect((await convert(applications, ownConfig())).err).toBe("");
  });

  test.each([
    ["an answer of /apps", {
      applications: { versions__delta: "1", apps__hashcode: "UP_3_", application: applications },
    }],
    ["a bare array", applications],
    ["an old codec's answer with a single application", { applications: { application: applications[0] } }],
    ["an answer of /apps/NAME", { application: applications[0] }],
  ])("takes %s", async (_, input) => {
    const { code, out, err } = await convert(input);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const isSingle = !JSON.stringify(input).includes("Cart");
    expect(names(out)).toEqual(
      isSingle ? ["eureka/orders.eureka"] : ["eureka/cart.eureka", "eureka/orders.eureka"],
    );
  });

  test("prints manifests after the output stage: ordered, each endpoint once, labels made valid", async () => {
    const twice = instance("10.0.0.1", { instanceId: "again" });
    const odd = instance("10.0.0.3", { metadata: { "bad key!": "x", on: "yes" } });
    const { out } = await convert([app("ORDERS", instance("10.0.0.2"), twice, instance("10.0.0.1"), odd)]);
    const [manifest] = JSON.parse(out);
    expect(manifest).toMatchObject({ apiVersion: "networking.istio.io/v1", kind: "ServiceEntry" });
    const { endpoints } = manifest.spec;
    expect(endpoints.map(({ address }: { address: string }) => address)).toEqual([
      "10.0.0.1",
      "10.0.0.2",
      "10.0.0.3",
    ]);
    expect(endpoints[2].labels.on).toBe("yes");
    expect(Object.keys(endpoints[2].labels)).not.toContain("bad key!");
  });

  test("YAML is the same, one document each, safe for readers of YAML 1.1", async () => {
    const input = [
      app("ORDERS", instance("10.0.0.1", { metadata: { flag: "on" } })),
      ...applications.slice(1),
    ];
    const { out: json } = await convert(input);
    const { code, out } = await convert(input, undefined, "-o", "yaml");
    expect(code).toBe(0);
    expect(out).toContain('flag: "on"');
    expect(out.startsWith("---\n")).toBe(true);
    expect(parseAllDocuments(out).map((document) => document.toJS())).toEqual(JSON.parse(json));
  });

  test("slime's profile: its order, and what it drops", async () => {
    const config = {
      general: { LEGACY: { EurekaSource: { Enabled: true, Address: ["http://localhost:8761"] } } },
    };
    const { code, out } = await convert(
      [app("ORDERS", instance("10.0.0.1", { metadata: { good: "x", bad: "no spaces please" } }))],
      config,
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)[0].spec.endpoints[0].labels).toEqual({ good: "x" });
  });

  test("merges names that differ in case, _ and -, and leaves out what a delta says is gone", async () => {
    const { out } = await convert([
      app("MY_APP", instance("10.0.0.1"), instance("10.0.0.9", { actionType: "DELETED" })),
      app("my-app", instance("10.0.0.2")),
    ]);
    expect(names(out)).toEqual(["eureka/my-app.eureka"]);
    expect(JSON.parse(out)[0].spec.endpoints).toHaveLength(2);
  });

  test("writes the registry's id and the merged ports, as the collector does", async () => {
    const { out } = await convert(
      [app("a", instance("10.0.0.1"))],
      ownConfig({
        registryId: "north",
        mockServiceName: "all.mesh",
        mockServiceEntryName: "all",
        mockServiceMergeServicePort: true,
      }),
    );
    expect(names(out)).toEqual(["eureka/a.eureka", "eureka/all"]);
    const [service, mock] = JSON.parse(out);
    expect(service.spec.endpoints[0].labels).toEqual({ "registry-id": "north" });
    expect(mock.spec.ports).toEqual(service.spec.ports);
  });

  test("nobody there is no mistake", async () => {
    expect(await convert({ applications: { application: [] } })).toEqual({
      code: 0,
      out: "[]\n",
      err: "note: input.json: nothing of it becomes an entry\n",
    });
    expect(await convert([app("A", instance("10.0.0.1", { status: "DOWN" }))])).toMatchObject({
      code: 0,
      err: expect.stringContaining("nothing of it becomes an entry"),
    });
  });

  test("says which records are left out, where and why", async () => {
    const { code, out, err } = await convert([
      app("GOOD", instance("10.0.0.1"), instance("10.0.0.2", { port: { $: 99_999 } }), JSON.parse("7")),
      { instance: [] },
    ]);
    expect(code).toBe(0);
    expect(names(out)).toEqual(["eureka/good.eureka"]);
    expect(err.split("\n")).toEqual([
      expect.stringMatching(/^warning: input\.json: GOOD\[2\]: is a number, not an object; it is left out$/),
      expect.stringMatching(/^warning: input\.json: application: has no name; it is left out$/),
      expect.stringMatching(
        /^warning: input\.json: GOOD\/10\.0\.0\.2:8080: has no usable port .*; it is left out$/,
      ),
      "",
    ]);
  });

  describe("what breaks Istio's rules", () => {
    const input = [app("good", instance("10.0.0.1"))];

    test("is told, and in the istio profile printed with --all only", async () => {
      // slime takes such a port, so its files may have it.
      const EurekaSource = { Enabled: true, Address: ["http://localhost:8761"], SvcPort: 70_000 };
      const config = { general: { LEGACY: { profile: "istio", EurekaSource } } };
      const { code, out, err } = await convert(input, config);
      expect({ code, out }).toEqual({ code: 0, out: "[]\n" });
      expect(err).toMatch(/^warning: .*SvcPort: expected a port up to 65535/m);
      expect(err).toMatch(
        /^warning: ServiceEntry eureka\/good\.eureka: spec\.ports\[1\]\.number: .* \[rule S\d+\]; it would not be served$/m,
      );
      const all = await convert(input, config, "--all");
      expect(names(all.out)).toEqual(["eureka/good.eureka"]);
      expect(err).toBe(
        `${all.err}note: input.json: nothing of it would be served; --all prints it all the same\n`,
      );
    });

    test("is served in the slime profile, but for a name that xDS can't write", async () => {
      const config = { ...ownConfig({ nsHost: false }), profile: "slime" };
      const { code, out, err } = await convert([...input, app("*", instance("10.0.0.1"))], config);
      expect(code).toBe(0);
      expect(names(out)).toEqual(["eureka/*", "eureka/good"]);
      expect(err).toMatch(
        /^warning: ServiceEntry eureka\/\*: spec\.hosts\[0\]: .* \[rule S1\]; it is served, but a stock/m,
      );
      const slash = await convert([app("a/b", instance("10.0.0.1"))], config);
      expect(slash).toMatchObject({ code: 0, out: "[]\n", err: expect.stringContaining("a slash too many") });
    });
  });

  test.each([
    [
      "a cut answer",
      '{"applications":{"application":[\n{"name":',
      /^input\.json: .*cut off.*\(line 2 column 9\)$/m,
    ],
    ["no JSON", "hello", /^input\.json: Eureka's answer is no JSON/],
    ["XML", "<applications/>", /XML.*Accept: application\/json/],
    ["nothing", "", /is empty/],
    ["something else", '{"services":[]}', /no list of applications/],
    ["records that can't be used", [{ instance: [] }], /no record is usable/],
  ])("%s is answered with 1, and the place", async (_, input, message) => {
    const { code, err } = await convert(input);
    expect(code).toBe(1);
    expect(err).toMatch(message);
  });

  test("takes its own configuration only when it is in order, and warns when the source is off", async () => {
    expect(await convert(applications, { eurekaSorce: {} })).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringContaining("eurekaSorce"),
    });
    const { code, err } = await convert(applications, { eurekaSource: { enabled: false } });
    expect(code).toBe(0);
    expect(err).toContain("config.yaml does not enable eureka");
  });

  test("the output can be applied: YAML that YAML 1.2 reads alike", async () => {
    const { out } = await convert(applications.slice(0, 1), undefined, "-oyaml");
    expect(parse(out)).toMatchObject({ metadata: { name: "orders.eureka" } });
  });
});
