import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isInService } from "../../services/nacos-collector/conversion/usable-instances.ts";
import type { ConvertInput, ConvertSource } from "../../shared/collector/dry-run/convert-source.ts";
import { canonicalAddress } from "../../shared/istio/mod.ts";
import { decodeInstances } from "../../shared/nacos/wire/service-info.ts";
import { statesOf } from "../golden/nacos-slime.ts";
import { nastyText } from "../istio/arbitrary-manifests.ts";
import { address, name, port, servedOf, socketsOf } from "./content-rig.ts";

/** A service as the servers' lists hold it. */
interface ListedService {
  readonly namespace: string;
  readonly group: string;
  readonly name: string;
  readonly hosts: readonly unknown[];
}

const convert: ConvertInput = (input, loaded) => {
  const listed: ListedService[] = JSON.parse(input);
  const records = listed.map(({ hosts, ...service }) => (
    { ...service, registryId: "", ...decodeInstances(hosts), protected: false }
  ));
  const { manifests, invalid } = statesOf(loaded)(records);
  const invalidRecords = Array.from(invalid, ([path, reason]) => ({ path, reason }));
  return Promise.resolve({ manifests, invalidRecords, notes: [] });
};

const nacosSource: Omit<ConvertSource, "convertAnew"> = {
  convert,
  section: "nacosSource",
  isEnabled: ({ config }) => config.nacosSource.enabled,
  defaultConfig: JSON.stringify({ nacosSource: { address: ["http://localhost:8848"] } }),
};

const metadata = fc.dictionary(
  fc.oneof(
    fc.constantFrom(
      "k8sNs",
      "zone",
      "region",
      "projectCode",
      "instanceId",
      "istio-locality",
      "app",
      "protocol",
      "secure",
      "gRPC_port",
      "istio.hostname",
      "preserved.register.source",
      "interface",
      "version",
      "group",
      "path",
      "weight",
      "methods",
      "dubbo.tag",
      "dubbo.endpoints",
    ),
    nastyText,
  ),
  fc.oneof<fc.Arbitrary<unknown>[]>(
    nastyText,
    fc.constantFrom<unknown>(
      "a/b",
      "us-west-2b",
      "grpc",
      "tri",
      "true",
      "8080",
      "9090",
      "a.b.example",
      5,
      null,
      {},
    ),
  ),
  { maxKeys: 4 },
);

const instance = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      instanceId: nastyText,
      ip: address,
      port,
      weight: fc.constantFrom<unknown>(1, 1, 0, 0.5, 10_000, -1, "x", null, 1e300),
      healthy: fc.constantFrom<unknown>(true, true, false, "x"),
      enabled: fc.constantFrom<unknown>(true, true, false, "x"),
      clusterName: fc.constantFrom<unknown>("DEFAULT", "HZ", "cn-hangzhou-h", "", 5),
      metadata,
    }, { requiredKeys: [] }),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
);

/** An instance that nothing is wrong with; nobody else has its address. */
const good = { ip: "10.99.0.1", port: 8080, weight: 1, healthy: true, enabled: true, metadata: {} };

const serviceName = fc.oneof(
  { weight: 3, arbitrary: name.filter((text) => text !== "") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "providers:a.b.Order:1.0.0:g1",
      "providers:a.b.Order::",
      "consumers:a.b.Order::",
      "providers:订单::",
      "providers:x",
      "routers:a.b.Order::",
    ),
  },
);

/** No service twice, as no server lists one. */
const services = fc.uniqueArray(
  fc.record({
    namespace: fc.constantFrom("public", "dev"),
    group: fc.constantFrom("DEFAULT_GROUP", "G1"),
    name: serviceName,
    hosts: fc.array(instance, { maxLength: 6 }),
  }),
  { minLength: 1, maxLength: 4, selector: (each) => `${each.namespace}@@${each.group}@@${each.name}` },
);

const options = fc.record({
  nsHost: fc.boolean(),
  k8sDomainSuffix: fc.boolean(),
  enableProjectCode: fc.boolean(),
  svcPort: fc.constantFrom(0, 80, 443),
  svcProtocol: fc.constantFrom("HTTP", "grpc", "tcp", "https", "whatever"),
  domSuffix: fc.constantFrom("", "nsf", "A_b"),
  region: fc.constantFrom("", "home"),
  metaKeyNamespace: fc.constantFrom("", "k8sNs", "ns"),
  metaKeyGroup: fc.constantFrom("", "group"),
  hostnameMetaKey: fc.constantFrom("", "istio.hostname", "app"),
}, { requiredKeys: [] });

const source = (more: object) => ({ nacosSource: { address: ["http://localhost:8848"], ...more } });

describe("whatever Nacos holds", () => {
  test("becomes valid entries and named records", async () => {
    await fc.assert(
      fc.asyncProperty(services, options, async (list, given) => {
        await servedOf(nacosSource, list, source(given));
      }),
      { numRuns: 400 },
    );
  }, 120_000);

  test("no instance takes a good one of its service down", async () => {
    await fc.assert(
      fc.asyncProperty(services, async (list) => {
        const plain = list.filter((each) =>
          !/^(?:providers|consumers|configurators|routers):/.test(each.name)
        );
        const content = plain.map((each) => ({ ...each, hosts: [...each.hosts, good] }));
        const { entries } = await servedOf(nacosSource, content, source({}));
        const reaching = entries.filter((entry) => socketsOf([entry]).has("10.99.0.1 8080"));
        expect(reaching.length > 0).toBe(plain.length > 0);
      }),
      { numRuns: 300 },
    );
  }, 120_000);

  test("each instance in service is an endpoint or is named", async () => {
    await fc.assert(
      fc.asyncProperty(services, async (list) => {
        const plain = list.filter((each) =>
          !/^(?:providers|consumers|configurators|routers):/.test(each.name)
        );
        const { entries, invalidPaths } = await servedOf(nacosSource, plain, source({}));
        const sockets = socketsOf(entries);
        for (const { namespace, group, name: service, hosts } of plain) {
          for (const { ip, port: number, ...fields } of decodeInstances(hosts).instances) {
            if (
              !isInService({ ip, port: number, ...fields }, "istio") || "dubbo.endpoints" in fields.metadata
            ) continue;
            const path = `${namespace}/${group}/${service}/${ip.slice(0, 300)}`;
            const isNamed = invalidPaths.some((each) => each.startsWith(path));
            expect(isNamed || sockets.has(`${canonicalAddress(ip)} ${number}`)).toBe(true);
          }
        }
      }),
      { numRuns: 300 },
    );
  }, 120_000);
});
