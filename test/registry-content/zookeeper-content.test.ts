import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { zookeeperConvertSource } from "../../services/zk-collector/dry-run/convert-zookeeper.ts";
import { nastyText } from "../istio/arbitrary-manifests.ts";
import { address, name, port, servedOf, socketsOf } from "./content-rig.ts";

interface TreeNode {
  readonly path: string;
  readonly data: string;
}

const bracketed = address.map((host) => host.includes(":") && !host.startsWith("[") ? `[${host}]` : host);
const parameter = fc.tuple(
  fc.oneof(
    fc.constantFrom(
      "group",
      "version",
      "weight",
      "methods",
      "timestamp",
      "disabled",
      "application",
      "dubbo.tag",
    ),
    fc.constantFrom("ssl-enabled", "category", "default.group", "side", "enabled", "configVersion"),
    nastyText,
  ),
  fc.oneof(fc.constantFrom("true", "false", "1", "0", "a", "a, b", "*", "-5"), nastyText),
).map(([key, value]) => `${key}=${value}`);

/** Names of nodes as clients write them: encoded once, mostly. */
const url = fc.tuple(
  fc.constantFrom("dubbo", "tri", "rest", "consumer", "override", "absent", "x y", ""),
  fc.oneof(address, bracketed),
  port.map(String),
  fc.array(parameter, { maxLength: 4 }),
).map(([protocol, host, number, parameters]) =>
  `${protocol}://${host}:${number}/a.B?${parameters.join("&")}`
);

const nodeName = fc.oneof(
  { weight: 9, arbitrary: url.map((text) => encodeURIComponent(text.toWellFormed())) },
  { weight: 1, arbitrary: nastyText.map((text) => text.toWellFormed().replaceAll(/[/\0]/g, "_")) },
).filter((text) => text !== "" && text !== "." && text !== "..");

const pathName = name.map(encodeURIComponent).filter((text) => text !== "");

const goodProvider = encodeURIComponent(
  "dubbo://10.99.0.1:20880/a.B?application=good&interface=a.B&timestamp=9",
);

const interfaces = fc.array(
  fc.record({
    name: pathName,
    providers: fc.array(nodeName, { maxLength: 5 }),
    consumers: fc.array(nodeName, { maxLength: 3 }),
    configurators: fc.array(nodeName, { maxLength: 2 }),
  }),
  { maxLength: 3 },
).map((list): TreeNode[] =>
  list.flatMap(({ name: at, providers, consumers, configurators }) =>
    Object.entries({ providers: [...providers, goodProvider], consumers, configurators }).flatMap((
      [directory, names],
    ) => names.map((text) => ({ path: `/dubbo/${at}/${directory}/${text}`, data: "" })))
  )
);

const metadata = fc.dictionary(
  fc.oneof(
    fc.constantFrom("instance_status", "weight", "zone", "region", "protocol", "dubbo.endpoints"),
    nastyText,
  ),
  fc.oneof<fc.Arbitrary<unknown>[]>(
    nastyText,
    fc.constantFrom<unknown>(
      "UP",
      "DOWN",
      "0",
      "7",
      "grpc",
      "us-west-2b",
      5,
      null,
      '[{"port":1,"protocol":"tri"}]',
    ),
  ),
  { maxKeys: 3 },
);

const instance = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      name,
      id: nastyText,
      address,
      port,
      sslPort: fc.oneof(fc.constant(null), port),
      enabled: fc.boolean(),
      registrationTimeUTC: fc.constantFrom<unknown>(1, 2, null, "x"),
      payload: fc.record({ metadata }),
    }, { requiredKeys: ["name", "address"] }),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
);

/** The instances of an application, which may call itself something else. */
const applications = fc.array(fc.tuple(pathName, fc.array(instance, { maxLength: 4 })), { maxLength: 3 }).map(
  (list) =>
    list.flatMap(([at, instances], application): TreeNode[] =>
      instances.map((content, index) => ({
        path: `/services/${application}-${at}/${index}`,
        data: JSON.stringify(content),
      }))
    ),
);

const options = fc.record({
  enableConfiguratorMeta: fc.boolean(),
  instancePortAsSvcPort: fc.boolean(),
  svcPort: fc.constantFrom(80, 20_880),
  hostSuffix: fc.constantFrom("", ".dubbo", "_x"),
  svcProtocol: fc.constantFrom("DUBBO", "http", "grpc"),
  singleAppService: fc.boolean(),
  selfConsume: fc.boolean(),
  region: fc.constantFrom("", "home"),
}, { requiredKeys: ["svcPort"] });

const source = (more: object) => ({
  zookeeperSource: { enabled: true, address: ["localhost:2181"], ...more },
});

describe("whatever ZooKeeper holds", () => {
  test(
    "becomes valid entries and Sidecars, and named records; no provider takes a good one down",
    async () => {
      await fc.assert(
        fc.asyncProperty(interfaces, applications, options, async (providers, instances, given) => {
          // A tree has no node twice.
          const nodes = [...new Map([...providers, ...instances].map((node) => [node.path, node])).values()];
          const { entries } = await servedOf(zookeeperConvertSource, nodes, source(given));
          const isThere = providers.length > 0 && given.enableConfiguratorMeta !== true;
          if (isThere) expect(socketsOf(entries)).toContain("10.99.0.1 20880");
        }),
        { numRuns: 400 },
      );
    },
    120_000,
  );
});
