import fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { TreeRoots } from "./tree-paths.ts";
import { decodeInterfaceName, pathClassifier, watchedRoots } from "./tree-paths.ts";

const roots: TreeRoots = {
  interfaces: "/dubbo",
  applications: ["/services"],
  consumers: "consumers",
  rawInterfaces: false,
};
const classify = pathClassifier(roots);

/** Paths of a tree that real applications left, by what they are; without the names of URL nodes. */
function kindsIn(dump: string, of: TreeRoots): Record<string, string[]> {
  const file = new URL(`../../../test/data/zookeeper-applications/${dump}.json`, import.meta.url);
  const nodes: { path: string }[] = JSON.parse(readFileSync(file, "utf8"));
  const classifier = pathClassifier(of);
  const kinds: Record<string, string[]> = {};
  for (const { path } of nodes) {
    const place = classifier(path);
    (kinds[place.kind] ??= []).push("interface" in place ? place.interface : path);
  }
  return kinds;
}

describe("pathClassifier", () => {
  it("knows every node that a Dubbo provider at both levels leaves, and a consumer", () => {
    const found = kindsIn("dubbo3-all-with-rules", roots);
    expect(found["provider"]?.toSorted()).toEqual([
      "lab.api.OrderService",
      "lab.api.OrderService",
      "lab.api.OrderService$Audit",
      "lab.api.UserService",
    ]);
    expect(found["consumer"]).toEqual(["lab.api.OrderService"]);
    expect(found["mapping"]).toEqual([
      "lab.api.OrderService",
      "lab.api.OrderService$Audit",
      "lab.api.UserService",
    ]);
    expect(found["application-instance"]).toEqual([
      "/services/order-app/10.9.1.1:20881",
      "/services/order-app/10.9.1.2:20882",
    ]);
    expect(found["interface-directory"]).toEqual([
      "lab.api.OrderService",
      "lab.api.OrderService$Audit",
      "lab.api.UserService",
    ]);
    expect(found["configurator"]).toHaveLength(1);
  });

  it("knows an application's metadata and services' definitions", () => {
    expect(kindsIn("dubbo3-instance", roots)["application-metadata"]).toEqual([
      "/dubbo/metadata/pay-app/63af4016a5d9934871382fbe079864b0",
      "/dubbo/metadata/pay-app/b3bee7509090c90ab76404b775581d46",
    ]);
    expect(classify("/dubbo/metadata/a.B%24C/1.0.0/blue/provider/pay-app")).toEqual({
      kind: "service-definition",
      side: "provider",
      interface: "a.B$C",
      application: "pay-app",
    });
    // Where dubbo-go puts the metadata of an application, with its decimal revisions.
    expect(classify("/dubbo/shop/3141592653")).toEqual({
      kind: "application-metadata",
      application: "shop",
      revision: "3141592653",
    });
  });

  it("tells applications from interfaces where a registry group has put both below one root", () => {
    const dev = kindsIn("dubbo3-root-dev", { ...roots, interfaces: "/dev", applications: ["/dev"] });
    expect(dev["application-instance"]).toEqual(["/dev/dev-app/10.9.8.1:20892"]);
    expect(dev["provider"]).toEqual(["lab.api.OrderService"]);
    expect(dev["mapping"]).toEqual(["lab.api.OrderService"]);
    const merged = pathClassifier({ ...roots, interfaces: "/dev", applications: ["/dev"] });
    expect(merged("/dev/catalog/eabe7695-86ee").kind).toBe("application-instance");
    expect(merged("/dev/a.B/providers/dubbo%3A%2F%2F").kind).toBe("provider");
    expect(merged("/dev/a.B/routers").kind).toBe("other");
  });

  it("asks for no applications where there are no roots of theirs", () => {
    expect(pathClassifier({ ...roots, interfaces: "/dev" })("/dev/dev-app/10.9.8.1:20892").kind).toBe(
      "other",
    );
    const none = pathClassifier({ ...roots, applications: [] });
    expect(none("/dubbo/app/10.0.0.1:20880").kind).toBe("other");
    expect(none("/services/app/10.0.0.1:20880").kind).toBe("other");
  });

  it("takes the innermost of nested roots, of several segments, and the root of all", () => {
    const nested = pathClassifier({
      ...roots,
      interfaces: "/a/dubbo/",
      applications: ["/a/dubbo/apps", "/"],
    });
    expect(nested("/a/dubbo/x.Y/providers/u")).toEqual({ kind: "provider", interface: "x.Y", name: "u" });
    expect(nested("/a/dubbo/apps/shop/1")).toEqual({
      kind: "application-instance",
      application: "shop",
      name: "1",
    });
    expect(nested("/team/shop/1")).toEqual({
      kind: "application-instance",
      application: "team/shop",
      name: "1",
    });
    expect(nested("/team")).toEqual({ kind: "application-directory", application: "team" });
  });

  it("reads consumers where the configuration says, or nowhere", () => {
    const elsewhere = pathClassifier({ ...roots, consumers: "app/consumers" });
    expect(elsewhere("/dubbo/a.B/app/consumers/u")).toEqual({
      kind: "consumer",
      interface: "a.B",
      name: "u",
    });
    expect(elsewhere("/dubbo/a.B/consumers/u").kind).toBe("other");
    expect(pathClassifier({ ...roots, consumers: undefined })("/dubbo/a.B/consumers/u").kind).toBe("other");
    expect(classify("/dubbo/a.B/consumers")).toEqual({
      kind: "url-directory",
      of: "consumer",
      interface: "a.B",
    });
  });

  it("leaves names of interfaces as they are, if so wished", () => {
    const raw = pathClassifier({ ...roots, rawInterfaces: true });
    expect(raw("/dubbo/a.B%24C/providers/u")).toMatchObject({ kind: "provider", interface: "a.B%24C" });
    expect(raw("/dubbo/a.B%24C/consumers")).toMatchObject({ of: "consumer", interface: "a.B%24C" });
    expect(raw("/dubbo/a.B%24C")).toMatchObject({ kind: "interface-directory", interface: "a.B%24C" });
    // What applications say of interfaces is about their decoded names.
    expect(raw("/dubbo/mapping/a.B%24C")).toMatchObject({ interface: "a.B$C" });
  });

  it("finds each provider's interface and name again", () => {
    const segment = fc.string({
      unit: fc.constantFrom("a", ".", "$", "/", "%", ":", "ü", "銀", "😀", " "),
      minLength: 1,
    }).map((text) => encodeURIComponent(text))
      .filter((text) => !["mapping", "metadata", "config", ".", ".."].includes(text));
    fc.assert(fc.property(segment, segment, (name, url) => {
      expect(classify(`/dubbo/${name}/providers/${url}`)).toEqual({
        kind: "provider",
        interface: decodeURIComponent(name),
        name: url,
      });
    }));
  });

  it("says something of every path, and never names a node of another root", () => {
    const path = fc.array(
      fc.oneof(
        fc.constantFrom(
          "dubbo",
          "services",
          "providers",
          "metadata",
          "mapping",
          "provider",
          "%",
          "",
          "1",
          "a:1",
        ),
        fc.string(),
      ),
    ).map((segments) => `/${segments.join("/")}`);
    fc.assert(fc.property(path, (text) => {
      const { kind } = classify(text);
      if (!text.startsWith("/dubbo/") && !text.startsWith("/services/")) expect(kind).toBe("other");
      if (text.startsWith("/services/") && text.length > 10) expect(kind).toMatch(/^application-/);
    }));
  });
});

describe("watchedRoots", () => {
  it("leaves out what lies below another root", () => {
    expect(watchedRoots({ interfaces: "/dubbo", applications: ["/services"] })).toEqual([
      "/dubbo",
      "/services",
    ]);
    expect(watchedRoots({ interfaces: "/dev", applications: ["/dev/apps", "/dev", "/devices"] }))
      .toEqual(["/dev", "/devices"]);
    expect(watchedRoots({ interfaces: "/dubbo", applications: ["/"] })).toEqual(["/"]);
  });
});

describe("decodeInterfaceName", () => {
  it("keeps what can't be decoded", () => {
    expect(decodeInterfaceName("a.B%24C")).toBe("a.B$C");
    expect(decodeInterfaceName("100%")).toBe("100%");
  });
});
