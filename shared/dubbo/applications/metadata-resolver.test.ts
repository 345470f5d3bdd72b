import { describe, expect, it } from "vitest";
import { MeshError } from "../../runtime/errors.ts";
import type { DubboInstance } from "./application-node.ts";
import { decodeApplicationNode } from "./application-node.ts";
import type { DefinitionAccess } from "./metadata-definitions.ts";
import type { MetadataInfo } from "./metadata-info.ts";
import type { MetadataAccess } from "./metadata-resolver.ts";
import { MetadataResolver } from "./metadata-resolver.ts";
import type { RecordedNode } from "./recorded-tree-rig.ts";
import { recordedTree, treeAccess } from "./recorded-tree-rig.ts";
import { ZookeeperMetadata } from "./zookeeper-metadata.ts";
import type { InvalidRecord } from "../conversion/registry-records.ts";

const silent = (): void => {};

function instancesIn(nodes: readonly RecordedNode[]): DubboInstance[] {
  return nodes.flatMap(({ path, data }) => {
    const decoded = decodeApplicationNode({ path, data: Buffer.from(data ?? "") }, silent);
    return decoded?.kind === "dubbo" ? [decoded] : [];
  });
}

type TestAccess = DefinitionAccess & Partial<Pick<MetadataAccess, "askInstance">>;

function resolverOf(access: TestAccess, root = "/dubbo", concurrency = 64) {
  const reported: InvalidRecord[] = [];
  const report = (problem: InvalidRecord) => void reported.push(problem);
  const store = new ZookeeperMetadata(root, access, report);
  const options = { concurrency, report };
  const resolver = new MetadataResolver(
    { store, askInstance: access.askInstance },
    options,
    AbortSignal.any([]),
  );
  return { resolver, reported };
}

function answer(revision: string, ...names: string[]): MetadataInfo {
  const services = names.map((name) => (
    { name, group: "", version: "", protocol: "dubbo", port: 20880, path: name, parameters: {} }
  ));
  return { application: "order-app", revision, services };
}

const order = recordedTree("dubbo3-all");
const [first, second] = instancesIn(order);
if (first === undefined || second === undefined) throw new RangeError("the recorded tree has two instances");
const newer = { ...first, revision: "ffffffffffffffffffffffffffffffff" };

describe("MetadataResolver", () => {
  it("reads what is in ZooKeeper, once", async () => {
    const tree = recordedTree("dubbo3-instance");
    const [instance] = instancesIn(tree);
    const access = treeAccess(tree);
    let reads = 0;
    const { resolver, reported } = resolverOf({
      ...access,
      readNode: (path) => {
        reads++;
        return access.readNode(path);
      },
    });
    for (let i = 0; i < 2; i++) {
      const { source, services } = await resolver.resolve("pay-app", instance?.revision ?? "", [], false);
      expect(source).toBe("registry");
      expect(services.map(({ name, group, port }) => [name, group, port])).toEqual([
        ["lab.api.Greeter", "", 50051],
        ["lab.api.OrderService", "g1", 50051],
      ]);
    }
    expect(reads).toBe(1);
    expect(reported).toEqual([]);
  });

  it("reads where dubbo-go writes", async () => {
    const data = JSON.stringify({
      app: "go",
      revision: "12",
      services: { a: { name: "a.B", protocol: "tri" } },
    });
    const { resolver } = resolverOf(treeAccess([{ path: "/dev/go/12", data }]), "/dev/");
    const { services } = await resolver.resolve("go", "12", []);
    expect(services).toMatchObject([{ name: "a.B", protocol: "tri", port: 0, path: "a.B" }]);
  });

  it("knows that the revision 0 offers nothing", async () => {
    const { resolver } = resolverOf(treeAccess([]));
    expect(await resolver.resolve("any", "0", [])).toEqual({ source: "registry", services: [] });
  });

  it("asks another instance if one can't be asked, all callers together, and never again", async () => {
    const asked: string[] = [];
    const { resolver, reported } = resolverOf({
      ...treeAccess([]),
      askInstance: async ({ path, revision }) => {
        asked.push(path);
        if (asked.length === 1) throw new MeshError("registry-unavailable", "the connection failed");
        return answer(revision, "a.B");
      },
    });
    const twins = [first, { ...second, revision: first.revision }];
    const results = await Promise.all([1, 2].map(() => resolver.resolve("order-app", first.revision, twins)));
    expect(results.map(({ source }) => source)).toEqual(["instance", "instance"]);
    await resolver.resolve("order-app", first.revision, twins);
    expect(asked).toEqual([first.path, second.path]);
    expect(reported).toHaveLength(1);
    expect(reported[0]).toMatchObject({
      path: first.path,
      reason: expect.stringContaining("the connection failed"),
    });
  });

  it("doesn't take another revision's answer, nor asks where it mustn't", async () => {
    const access = { ...treeAccess([]), askInstance: async () => answer("other", "a.B") };
    const { resolver, reported } = resolverOf(access);
    expect((await resolver.resolve("order-app", first.revision, [first], false)).source).toBe("unknown");
    expect(reported).toEqual([]);
    expect((await resolver.resolve("order-app", first.revision, [first])).source).toBe("unknown");
    expect(reported[0]?.reason).toContain("it has the revision other");
  });

  it("keeps what an application offered while a newer revision isn't known, then takes the newer one", async () => {
    let isReachable = true;
    const { resolver, reported } = resolverOf({
      ...treeAccess(order),
      askInstance: async ({ revision }) => {
        if (!isReachable) throw new MeshError("registry-unavailable", "no answer in time");
        return answer(revision, revision === newer.revision ? "a.New" : "a.Old");
      },
    });
    await resolver.resolve("order-app", first.revision, [first]);
    isReachable = false;
    resolver.keepOnly([newer]);
    expect(resolver.known("order-app", first.revision)).toBeUndefined();
    const kept = await resolver.resolve("order-app", newer.revision, [newer]);
    expect(kept).toMatchObject({ source: "earlier-revision", services: [{ name: "a.Old", port: 0 }] });
    expect(reported.at(-1)?.reason).toContain("what order-app offered before is kept");
    isReachable = true;
    expect(await resolver.resolve("order-app", newer.revision, [newer]))
      .toMatchObject({ source: "instance", services: [{ name: "a.New" }] });
    resolver.keepOnly([]);
    expect(resolver.known("order-app", newer.revision)).toBeUndefined();
  });

  it("takes definitions if there is nothing better", async () => {
    const { resolver, reported } = resolverOf(treeAccess(order));
    const { source, services } = await resolver.resolve("order-app", first.revision, [first]);
    expect(source).toBe("definitions");
    expect(services.map(({ name, group, version, port }) => [name, group, version, port])).toEqual([
      ["lab.api.OrderService", "", "1.0.0", 0],
      ["lab.api.OrderService$Audit", "", "", 0],
      ["lab.api.UserService", "blue", "2.0.0", 0],
    ]);
    expect(reported).toHaveLength(1);
  });

  it("reads mappings once for all applications, and passes over broken definitions", async () => {
    const broken = order.map((node) =>
      node.path.endsWith("blue/provider/order-app") ? { ...node, data: "{}" } : node
    );
    const access = treeAccess(broken);
    let mappings = 0;
    const { resolver, reported } = resolverOf({
      ...access,
      readNode: (path) => {
        if (path.startsWith("/dubbo/mapping/")) mappings++;
        return access.readNode(path);
      },
    });
    const [found] = await Promise.all(
      ["order-app", "other-app"].map((name) => resolver.resolve(name, first.revision, [first])),
    );
    expect(found?.services).toHaveLength(2);
    expect(mappings).toBe(3);
    expect(reported.map(({ path }) => path))
      .toContain("/dubbo/metadata/lab.api.UserService/2.0.0/blue/provider/order-app");
  });

  it("never rejects, whatever ZooKeeper does", async () => {
    const fail = () => Promise.reject(new MeshError("registry-unavailable", "no connection"));
    const { resolver, reported } = resolverOf({ readNode: fail, listChildren: fail, askInstance: fail });
    expect((await resolver.resolve("order-app", first.revision, [first])).source).toBe("unknown");
    expect(reported.length).toBeGreaterThan(2);
  });

  it("asks so many at a time, and lets none hold up the others", async () => {
    let running = 0;
    let most = 0;
    const { promise: never } = Promise.withResolvers<MetadataInfo>();
    const { resolver } = resolverOf(
      {
        ...treeAccess([]),
        askInstance: async ({ application, revision }) => {
          if (application === "stuck") return await never;
          most = Math.max(most, ++running);
          await Promise.resolve();
          running--;
          return answer(revision, "a.B");
        },
      },
      "/dubbo",
      3,
    );
    void resolver.resolve("stuck", "1", [{ ...first, application: "stuck" }]);
    const others = Array.from({ length: 20 }, (_, index) => {
      const application = `app-${index}`;
      return resolver.resolve(application, first.revision, [{ ...first, application }]);
    });
    expect((await Promise.all(others)).map(({ source }) => source)).toEqual(others.map(() => "instance"));
    expect(most).toBe(2);
  });
});
