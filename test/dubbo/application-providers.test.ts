import { describe, expect, it } from "vitest";
import type { DubboInstance } from "../../shared/dubbo/applications/application-node.ts";
import { decodeApplicationNode } from "../../shared/dubbo/applications/application-node.ts";
import { applicationProviders } from "../../shared/dubbo/applications/application-providers.ts";
import { convertInterface } from "../../shared/dubbo/conversion/convert-interface.ts";
import type { DubboUrl } from "../../shared/dubbo/conversion/dubbo-url.ts";
import { decodeMetadataAnswer } from "../../shared/dubbo/applications/metadata-dubbo-call.ts";
import type { OfferedService } from "../../shared/dubbo/applications/metadata-info.ts";
import { MetadataResolver } from "../../shared/dubbo/applications/metadata-resolver.ts";
import { ZookeeperMetadata } from "../../shared/dubbo/applications/zookeeper-metadata.ts";
import {
  recordedAnswer,
  recordedTree,
  rulesOf,
  treeAccess,
} from "../../shared/dubbo/applications/recorded-tree-rig.ts";
import { pathClassifier } from "../../services/zk-collector/view/tree-paths.ts";

const tree = recordedTree("dubbo3-both-levels");
const rules = rulesOf();

function instanceOf(application: string): DubboInstance {
  const { path, node } = recordedAnswer(application);
  const decoded = decodeApplicationNode({ path, data: Buffer.from(node) }, () => {});
  if (decoded?.kind !== "dubbo") throw new RangeError(`${application} is no application of Dubbo`);
  return decoded;
}

/** Providers of an interface at interface level, those of one application. */
function registered(interfaceName: string, application: string): string[] {
  const classify = pathClassifier({
    interfaces: "/dubbo",
    applications: ["/services"],
    consumers: undefined,
    rawInterfaces: false,
  });
  return tree.flatMap(({ path }) => {
    const place = classify(path);
    const isOne = place.kind === "provider" && place.interface === interfaceName &&
      decodeURIComponent(place.name).includes(`application=${application}&`);
    return isOne ? [place.name] : [];
  });
}

function convert(name: string, providers: readonly string[], fromApplications: readonly DubboUrl[]) {
  const record = {
    name,
    providers,
    consumers: [],
    configurators: [],
    applicationProviders: fromApplications,
  };
  const { services } = convertInterface(
    record,
    rules,
    ({ path, reason }) => expect.fail(`${path} ${reason}`),
  );
  return services.map(({ manifest }) => manifest);
}

function service(given: Partial<OfferedService>): OfferedService {
  return {
    name: "a.B",
    group: "",
    version: "",
    protocol: "tri",
    port: 0,
    path: "a.B",
    parameters: {},
    ...given,
  };
}

describe("applicationProviders", () => {
  // The same processes, registered at both levels and asked: one port with one protocol, and one with two.
  it.each(["all-app", "pub-app"])(
    "gives %s the same ServiceEntries as its registration by interface",
    (application) => {
      const { services } = decodeMetadataAnswer(recordedAnswer(application).answer);
      const providers = applicationProviders([instanceOf(application)], () => services);
      expect([...providers.keys()].toSorted()).toEqual(["lab.api.OrderService", "lab.api.UserService"]);
      for (const [name, urls] of providers) {
        const byInterface = registered(name, application);
        expect(byInterface).toHaveLength(1);
        expect(convert(name, [], urls)).toEqual(convert(name, byInterface, []));
        // Both together don't double endpoints.
        expect(convert(name, byInterface, urls)).toEqual(convert(name, byInterface, []));
      }
    },
  );

  it("gives the same if all that is known are definitions, for instances that are alike", async () => {
    const report = () => {};
    const store = new ZookeeperMetadata("/dubbo", treeAccess(tree), report);
    const resolver = new MetadataResolver({ store, askInstance: undefined }, { report }, AbortSignal.any([]));
    const instance = instanceOf("all-app");
    const { source, services } = await resolver.resolve(instance.application, instance.revision, [instance]);
    expect(source).toBe("definitions");
    for (const [name, urls] of applicationProviders([instance], () => services)) {
      expect(convert(name, [], urls)).toEqual(convert(name, registered(name, "all-app"), []));
    }
  });

  it("differs from the URL of the interface in one parameter alone, the moment of its start", () => {
    const { services } = decodeMetadataAnswer(recordedAnswer("all-app").answer);
    const [url] = applicationProviders([instanceOf("all-app")], () => services).get("lab.api.OrderService") ??
      [];
    const [name = ""] = registered("lab.api.OrderService", "all-app");
    const parameters = new URLSearchParams(decodeURIComponent(name).split("?")[1]);
    expect({ ...url?.parameters, timestamp: "" }).toEqual({
      ...Object.fromEntries(parameters),
      timestamp: "",
    });
    expect(url).toMatchObject({
      protocol: "dubbo",
      host: "10.9.1.1",
      port: 23_884,
      path: "lab.api.OrderService",
    });
  });

  it("finds the port: the service's, its protocol's, the instance's", () => {
    const instance = { ...instanceOf("all-app"), port: 1, ports: new Map([["tri", 2], ["dubbo", 1]]) };
    const offered = [
      service({ port: 3 }),
      service({}),
      service({ protocol: "rest" }),
      service({ protocol: "" }),
    ];
    const urls = applicationProviders([instance], () => offered).get("a.B");
    expect(urls?.map(({ protocol, port }) => [protocol, port])).toEqual([
      ["tri", 3],
      ["tri", 2],
      ["rest", 1],
      ["dubbo", 1],
    ]);
  });

  it("says what MetadataInfo says beside its parameters", () => {
    const offered = [service({ group: "g", version: "v", path: "/ctx/a.B" })];
    const [url] = applicationProviders([instanceOf("all-app")], () => offered).get("a.B") ?? [];
    expect(url).toMatchObject({
      path: "ctx/a.B",
      parameters: { side: "provider", application: "all-app", interface: "a.B", group: "g", version: "v" },
    });
  });

  it("leaves out instances that are switched off, or of which nothing is known", () => {
    const off = { ...instanceOf("all-app"), enabled: false };
    expect(applicationProviders([off], () => [service({})])).toEqual(new Map());
    expect(applicationProviders([instanceOf("all-app")], () => undefined)).toEqual(new Map());
  });
});
