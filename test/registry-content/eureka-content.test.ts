import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eurekaConvertSource } from "../../services/eureka-collector/dry-run/convert-eureka.ts";
import { decodeApplication } from "../../services/eureka-collector/client/decode.ts";
import type { EurekaInstance } from "../../services/eureka-collector/client/decode.ts";
import { canonicalAddress } from "../../shared/istio/mod.ts";
import { nastyText } from "../istio/arbitrary-manifests.ts";
import { address, name, port, servedOf, socketsOf } from "./content-rig.ts";

const onOff = fc.constantFrom<unknown>("true", "false", true, false, undefined, "maybe");
const portField = fc.oneof(port, fc.record({ "$": port, "@enabled": onOff }));

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
      "@class",
    ),
    nastyText,
  ),
  fc.oneof<fc.Arbitrary<unknown>[]>(
    nastyText,
    fc.constantFrom<unknown>("a/b", "us-west-2b", 5, true, null, {}),
  ),
  { maxKeys: 4 },
);

const instance = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      instanceId: fc.oneof(fc.constantFrom("1", "2", "3"), nastyText),
      hostName: address,
      ipAddr: address,
      status: fc.constantFrom<unknown>("UP", "UP", "UP", "DOWN", "up", "STARTING", "?", 5),
      port: portField,
      securePort: portField,
      metadata,
      dataCenterInfo: fc.constantFrom<unknown>(null, {
        name: "Amazon",
        metadata: { "instance-id": "i-1", "availability-zone": "us-west-2b" },
      }),
      lastUpdatedTimestamp: fc.constantFrom<unknown>("1", 2, "x", undefined),
      lastDirtyTimestamp: fc.constantFrom<unknown>("1", 2, "x", undefined),
    }, { requiredKeys: [] }),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
);

/** An instance that nothing is wrong with; nobody else has its address. */
const good = {
  instanceId: "good",
  status: "UP",
  ipAddr: "10.99.0.1",
  port: { "$": 8080, "@enabled": "true" },
};

const applications = fc.array(
  fc.record({
    name: fc.oneof(name, fc.jsonValue({ maxDepth: 1 })),
    instance: fc.array(instance, { maxLength: 6 }),
  }),
  { maxLength: 4 },
);

/** No application twice, as no server lists one. */
const wellNamed = fc.uniqueArray(
  fc.record({ name: name.filter((text) => text !== ""), instance: fc.array(instance, { maxLength: 6 }) }),
  { minLength: 1, maxLength: 3, selector: (application) => application.name.toUpperCase() },
);

const options = fc.record({
  nsHost: fc.boolean(),
  k8sDomainSuffix: fc.boolean(),
  enableProjectCode: fc.boolean(),
  svcPort: fc.constantFrom(0, 80, 443),
  svcProtocol: fc.constantFrom("HTTP", "grpc", "tcp", "https", "whatever"),
  appSuffix: fc.constantFrom("", "nsf", "A_b"),
  region: fc.constantFrom("", "home"),
}, { requiredKeys: [] });

const source = (more: object) => ({
  eurekaSource: { enabled: true, address: ["http://localhost:8761"], ...more },
});

/** The applications in a server's own frame: a bare empty list would be no answer. */
const answer = (application: readonly unknown[]) => ({ applications: { versions__delta: "1", application } });

describe("whatever Eureka holds", () => {
  test("becomes valid entries and named records", async () => {
    await fc.assert(
      fc.asyncProperty(applications, options, async (list, given) => {
        await servedOf(eurekaConvertSource, answer(list), source(given));
      }),
      { numRuns: 400 },
    );
  }, 60_000);

  test("no instance takes a good one of its application down", async () => {
    await fc.assert(
      fc.asyncProperty(wellNamed, async (list) => {
        const content = list.map((each) => ({ ...each, instance: [...each.instance, good] }));
        const { entries } = await servedOf(eurekaConvertSource, answer(content), source({}));
        const names = new Set(list.map((each) => each.name.toUpperCase().replaceAll("_", "-")));
        const served = entries.filter((entry) => socketsOf([entry]).has("10.99.0.1 8080"));
        expect(served.length).toBeGreaterThanOrEqual(1);
        expect(served.length).toBeLessThanOrEqual(names.size);
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  test("each UP instance is an endpoint or is named", async () => {
    await fc.assert(
      fc.asyncProperty(wellNamed, async (list) => {
        const { entries, invalidPaths } = await servedOf(eurekaConvertSource, answer(list), source({}));
        const sockets = socketsOf(entries);
        const named = new Set(invalidPaths.map((path) => path.toUpperCase()));
        for (
          const { application, instance: { id, address: at, port: plain, securePort } } of upInstances(list)
        ) {
          const isReached = [plain, securePort].some((number) =>
            sockets.has(`${canonicalAddress(at)} ${number}`)
          );
          expect(isReached || named.has(`${application}/${id}`.toUpperCase())).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});

function* upInstances(list: readonly unknown[]): Iterable<{ application: string; instance: EurekaInstance }> {
  for (const value of list) {
    const decoded = decodeApplication(value, () => {});
    for (const each of decoded?.instances ?? []) {
      if (each.status === "UP") yield { application: decoded?.name ?? "", instance: each };
    }
  }
}
