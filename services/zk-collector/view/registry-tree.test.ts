import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RegistryTree } from "./registry-tree.ts";

describe("RegistryTree", () => {
  it("says what came and went when a directory is read again", () => {
    const tree = new RegistryTree();
    expect(tree.replace("a.B", "providers", ["1", "2"])).toEqual({ came: 2, went: 0 });
    expect(tree.replace("a.B", "providers", ["2", "3", "4"])).toEqual({ came: 2, went: 1 });
    expect(tree.replace("a.B", "providers", ["4", "3", "2"])).toEqual({ came: 0, went: 0 });
    expect(tree.providerCount).toBe(3);
  });

  it("forgets interfaces that have nothing", () => {
    const tree = new RegistryTree();
    tree.add("a.B", "consumers", "c");
    tree.replace("a.C", "providers", []);
    expect([...tree.interfaces]).toEqual(["a.B"]);
    tree.remove("a.B", "consumers", "c");
    expect([...tree.interfaces]).toEqual([]);
  });

  it("takes the same content of an application's node for no change", () => {
    const tree = new RegistryTree();
    expect(tree.setApplicationNode("/services/a/1", Buffer.from("x"))).toBe(true);
    expect(tree.setApplicationNode("/services/a/1", Buffer.from("x"))).toBe(false);
    expect(tree.setApplicationNode("/services/a/1", Buffer.from("y"))).toBe(true);
    expect(tree.removeApplicationNode("/services/a/1")).toBe(true);
    expect(tree.removeApplicationNode("/services/a/1")).toBe(false);
  });

  it("knows which applications provide something", () => {
    const tree = new RegistryTree();
    const provider =
      "dubbo%3A%2F%2F10.0.0.1%3A20880%2Fa.B%3Fanyhost%3Dtrue%26application%3Dshop%26side%3Dprovider";
    tree.add("a.B", "providers", provider);
    tree.add("a.B", "consumers", provider.replace("shop", "till"));
    expect(tree.isProviding("shop", "10.0.0.1")).toBe(true);
    expect(tree.isProviding("shop", "10.0.0.2")).toBe(false);
    expect(tree.isProviding("till", "10.0.0.1")).toBe(false);
    tree.remove("a.B", "providers", provider);
    expect(tree.isProviding("shop", "10.0.0.1")).toBe(false);
    tree.add("a.B", "providers", provider.replace("10.0.0.1", "%5B2001%3Adb8%3A%3A1%5D"));
    expect(tree.isProviding("shop", "2001:db8::1")).toBe(true);
  });

  it("counts providers through any sequence of events and readings", () => {
    const step = fc.record({
      what: fc.constantFrom("add", "remove", "replace"),
      interfaceName: fc.constantFrom("a", "b"),
      directory: fc.constantFrom("providers" as const, "consumers" as const),
      names: fc.uniqueArray(fc.constantFrom("1", "2", "3", "4"), { minLength: 1 }),
    });
    fc.assert(fc.property(fc.array(step), (steps) => {
      const tree = new RegistryTree();
      const model = new Map<string, Set<string>>();
      for (const { what, interfaceName, directory, names } of steps) {
        const key = `${interfaceName}/${directory}`;
        const known = model.get(key) ?? new Set<string>();
        model.set(key, known);
        const [first = ""] = names;
        if (what === "add") {
          expect(tree.add(interfaceName, directory, first)).toBe(!known.has(first));
          known.add(first);
        } else if (what === "remove") {
          expect(tree.remove(interfaceName, directory, first)).toBe(known.delete(first));
        } else {
          tree.replace(interfaceName, directory, names);
          model.set(key, new Set(names));
        }
      }
      const counted = ["a", "b"].reduce((sum, name) => sum + (model.get(`${name}/providers`)?.size ?? 0), 0);
      expect(tree.providerCount).toBe(counted);
      for (const [key, names] of model) {
        const [interfaceName = ""] = key.split("/");
        const directory = key.endsWith("providers") ? "providers" : "consumers";
        expect(new Set(tree.childrenOf(interfaceName)[directory])).toEqual(names);
      }
    }));
  });
});
