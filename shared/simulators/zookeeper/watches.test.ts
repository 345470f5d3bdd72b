import { describe, expect, test } from "vitest";
import { ZooKeeperTree } from "./tree.ts";
import { WatchTable } from "./watches.ts";
import type { WatchKind } from "./watches.ts";

/** A tree with one connection that has the given watches. `told` empties the list of what it was told. */
function watched(
  watches: readonly (readonly [path: string, kind: WatchKind])[],
  ...paths: readonly string[]
) {
  const tree = new ZooKeeperTree();
  for (const path of paths) tree.ensure(path);
  const table = new WatchTable();
  tree.onEvent = (event) => table.fire(event);
  let events: string[] = [];
  const watcher = {
    notify: ({ type, path }: { type: string; path: string }) => events.push(`${type} ${path}`),
  };
  for (const [path, kind] of watches) table.add(path, watcher, kind);
  const told = () => {
    const result = events;
    events = [];
    return result;
  };
  return { tree, table, watcher, told };
}

describe("WatchTable", () => {
  test("a data watch tells of content, creation or deletion, once", () => {
    const { tree, table, watcher, told } = watched([["/a", "data"]]);
    tree.create("/a");
    expect(told()).toEqual(["created /a"]);
    tree.setData("/a", undefined);
    expect(told()).toEqual([]);
    table.add("/a", watcher, "data");
    tree.create("/a/b");
    expect(told()).toEqual([]);
    tree.setData("/a", undefined);
    expect(told()).toEqual(["data-changed /a"]);
    expect(table.count).toBe(0);
  });

  test("a child watch tells of the children or the deletion, once", () => {
    const { tree, table, watcher, told } = watched([["/a", "child"]], "/a");
    tree.setData("/a", undefined);
    expect(told()).toEqual([]);
    tree.create("/a/b");
    tree.delete("/a/b");
    expect(told()).toEqual(["children-changed /a"]);
    table.add("/a", watcher, "child");
    tree.delete("/a");
    expect(told()).toEqual(["deleted /a"]);
  });

  test("a persistent watch is both, and stays", () => {
    const { tree, told, table } = watched([["/a", "persistent"]]);
    tree.create("/a");
    tree.create("/a/b");
    tree.create("/a/b/c");
    tree.setData("/a/b", undefined);
    tree.setData("/a", undefined);
    tree.deleteAll("/a");
    expect(told()).toEqual([
      "created /a",
      "children-changed /a",
      "data-changed /a",
      "children-changed /a",
      "deleted /a",
    ]);
    expect(table.count).toBe(1);
  });

  test("a recursive watch tells of everything below, and not of children", () => {
    const { tree, told } = watched([["/a", "recursive"]], "/b");
    tree.create("/a");
    tree.create("/a/b");
    tree.create("/a/b/c");
    tree.setData("/a/b/c", undefined);
    tree.create("/ab");
    tree.delete("/b");
    tree.deleteAll("/a");
    expect(told()).toEqual([
      "created /a",
      "created /a/b",
      "created /a/b/c",
      "data-changed /a/b/c",
      "deleted /a/b/c",
      "deleted /a/b",
      "deleted /a",
    ]);
  });

  test("a connection is told once of a change, however often it watches for it", () => {
    const { tree, told } = watched([["/", "recursive"], ["/a", "recursive"], ["/a/b", "persistent"], [
      "/a/b",
      "data",
    ]], "/a/b");
    tree.setData("/a/b", undefined);
    expect(told()).toEqual(["data-changed /a/b"]);
  });

  test("a connection that is gone is told nothing", () => {
    const { tree, table, watcher, told } = watched(
      [["/a", "recursive"], ["/a", "data"], ["/b", "child"]],
      "/b",
    );
    table.removeAll(watcher);
    expect(table.count).toBe(0);
    tree.create("/a");
    tree.create("/b/c");
    expect(told()).toEqual([]);
  });

  test("restored watches tell at once what was missed, and wait for the rest", () => {
    const { tree, table, watcher, told } = watched([], "/changed", "/same", "/gone");
    const relativeZxid = tree.zxid;
    tree.setData("/changed", undefined);
    tree.create("/changed/child");
    tree.delete("/gone");
    tree.create("/new");
    table.restore(watcher, tree, {
      relativeZxid,
      data: ["/changed", "/same", "/gone"],
      exist: ["/new", "/later"],
      child: ["/changed", "/same", "/gone"],
    });
    expect(told()).toEqual([
      "data-changed /changed",
      "deleted /gone",
      "created /new",
      "children-changed /changed",
      "deleted /gone",
    ]);
    tree.create("/later");
    tree.create("/same/child");
    tree.setData("/same", undefined);
    expect(told()).toEqual(["created /later", "children-changed /same", "data-changed /same"]);
  });
});
