import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parentOf, ZooKeeperTree } from "./tree.ts";
import type { TreeEvent } from "./tree.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** All paths of a tree but the root's and those that every server has. */
function pathsOf(tree: ZooKeeperTree, path = "/"): string[] {
  const below = [...tree.get(path)?.children.keys() ?? []].filter((name) => name !== "zookeeper");
  return below.flatMap((name) => {
    const child = path === "/" ? `/${name}` : `${path}/${name}`;
    return [child, ...pathsOf(tree, child)];
  });
}

describe("ZooKeeperTree", () => {
  test("what its events tell is what it holds, whatever is done to it", () => {
    const path = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 })
      .map((names) => `/${names.join("/")}`);
    const step = fc.oneof(
      fc.record({ what: fc.constantFrom("create", "ensure", "delete", "deleteAll", "setData"), path }),
      fc.record({ what: fc.constant("ephemeral"), path, owner: fc.bigInt({ min: 1n, max: 2n }) }),
      fc.record({ what: fc.constant("expire"), path, owner: fc.bigInt({ min: 1n, max: 2n }) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const tree = new ZooKeeperTree();
      const seen = new Map<string, { version: number; changes: number }>();
      let last = tree.zxid;
      tree.onEvent = ({ type, path, zxid }) => {
        expect(zxid).toBeGreaterThanOrEqual(last);
        last = zxid;
        const node = seen.get(path);
        if (type === "created") {
          expect(node).toBeUndefined();
          seen.set(path, { version: 0, changes: 0 });
        } else if (type === "deleted") expect(seen.delete(path)).toBe(true);
        else if (type === "data-changed" && node) node.version++;
        else if (type === "children-changed" && node) node.changes++;
      };
      for (const { what, path, ...rest } of steps) {
        const owner = "owner" in rest ? rest.owner : 0n;
        try {
          if (what === "create") tree.create(path);
          else if (what === "ephemeral") tree.create(path, undefined, { ephemeralOwner: owner });
          else if (what === "ensure") tree.ensure(path);
          else if (what === "delete") tree.delete(path);
          else if (what === "deleteAll") tree.deleteAll(path);
          else if (what === "setData") tree.setData(path, bytes(what));
          else tree.deleteEphemerals(owner);
        } catch (error) {
          expect(String(error)).toMatch(/noNode|nodeExists|notEmpty|noChildrenForEphemerals/);
        }
      }
      expect(pathsOf(tree).toSorted()).toEqual([...seen.keys()].toSorted());
      for (const [path, { version, changes }] of seen) {
        expect(tree.stat(path)).toMatchObject({
          version,
          cversion: changes,
          numChildren: tree.get(path)?.children.size,
        });
      }
      for (const owner of [1n, 2n]) tree.deleteEphemerals(owner);
      expect(pathsOf(tree).filter((path) => tree.get(path)?.ephemeralOwner !== 0n)).toEqual([]);
    }));
  });

  test("numbers sequential nodes by what was ever created beside them", () => {
    const tree = new ZooKeeperTree();
    tree.ensure("/a");
    expect(tree.create("/a/n-", undefined, { sequential: true })).toBe("/a/n-0000000000");
    tree.create("/a/other");
    tree.delete("/a/other");
    expect(tree.create("/a/", undefined, { sequential: true })).toBe("/a/0000000002");
  });

  test("has the Stat that a server shows", () => {
    let time = 1_000;
    const tree = new ZooKeeperTree(() => time);
    const start = tree.zxid;
    tree.create("/a", bytes("1"));
    time = 2_000;
    tree.setData("/a", bytes("22"));
    tree.create("/a/b", undefined, { ephemeralOwner: 7n });
    expect(tree.stat("/a")).toEqual({
      czxid: start + 1n,
      mzxid: start + 2n,
      pzxid: start + 3n,
      ctime: 1_000n,
      mtime: 2_000n,
      version: 1,
      cversion: 1,
      aversion: 0,
      ephemeralOwner: 0n,
      dataLength: 2,
      numChildren: 1,
    });
    expect(tree.stat("/a/b")?.ephemeralOwner).toBe(7n);
    expect(tree.stat("/a/b/c")).toBeUndefined();
  });

  test("refuses what ZooKeeper refuses", () => {
    const tree = new ZooKeeperTree();
    tree.create("/a");
    tree.create("/a/e", undefined, { ephemeralOwner: 1n });
    const refusal = (action: () => unknown) => {
      try {
        return action();
      } catch (error) {
        return /: (\w+)/.exec(String(error).slice("ZooKeeperError".length + 1))?.[1];
      }
    };
    expect(refusal(() => tree.create("/"))).toBe("nodeExists");
    expect(refusal(() => tree.create("/a"))).toBe("nodeExists");
    expect(refusal(() => tree.create("/b/c"))).toBe("noNode");
    expect(refusal(() => tree.create("/a/e/f"))).toBe("noChildrenForEphemerals");
    expect(refusal(() => tree.delete("/a"))).toBe("notEmpty");
    expect(refusal(() => tree.delete("/"))).toBe("badArguments");
    expect(refusal(() => tree.delete("/a/e", 1))).toBe("badVersion");
    expect(refusal(() => tree.setData("/a", undefined, 1))).toBe("badVersion");
    expect(refusal(() => tree.setData("/b", undefined))).toBe("noNode");
    for (const path of ["a", "", "/a/", "//a", "/a/./b", "/..", "/a\u0000", "/\ue000"]) {
      expect(refusal(() => tree.create(path)), JSON.stringify(path)).toBe("badArguments");
    }
  });

  test("finds nothing at paths that are almost right", () => {
    const tree = new ZooKeeperTree();
    tree.ensure("/a/b");
    for (const path of ["/a/", "/a//b", "/a/b/", "/b"]) expect(tree.get(path), path).toBeUndefined();
    expect(tree.get("/")?.children.has("a")).toBe(true);
    expect(parentOf("/a/b")).toBe("/a");
    expect(parentOf("/a")).toBe("/");
  });

  test("is quick with the interfaces of a large registry", () => {
    const tree = new ZooKeeperTree();
    let events = 0;
    tree.onEvent = (_event: TreeEvent) => events++;
    for (let service = 0; service < 2_000; service++) {
      const providers = `/dubbo/com.example.Service${service}/providers`;
      for (let provider = 0; provider < 10; provider++) {
        tree.ensure(`${providers}/dubbo%3A%2F%2F10.0.0.${provider}`);
      }
    }
    expect(events).toBe((1 + 2_000 * 12) * 2);
    expect(tree.stat("/dubbo")?.numChildren).toBe(2_000);
  });
});
