import type { TreeEvent, ZooKeeperTree } from "./tree.ts";
import { parentOf } from "./tree.ts";

/** Who holds watches: a connection. They are gone with it. */
export interface Watcher {
  /** A watch of it fired. */
  notify(event: TreeEvent): void;
}

/**
 * What a watch waits for. `data` (content, creation, deletion) and `child` (children, deletion) fire once; `persistent`
 * is both, and stays; `recursive` stays too, for a node and all below it, and tells of everything but
 * `children-changed`.
 */
export type WatchKind = "data" | "child" | "persistent" | "recursive";

/** The watches of all connections. Rules: those of ZooKeeper 3.9, in which watches of different kinds don't disturb. */
export class WatchTable {
  readonly #byPath = new Map<string, Map<Watcher, Set<WatchKind>>>();
  /** So that without recursive watches nobody looks for them at every parent. */
  #recursive = 0;

  /** How many there are: a path of a connection counts once, however it is watched. */
  get count(): number {
    let count = 0;
    for (const watchers of this.#byPath.values()) count += watchers.size;
    return count;
  }

  /** Sets a watch, unless it is set. */
  add(path: string, watcher: Watcher, kind: WatchKind): void {
    const watchers = this.#byPath.get(path) ?? new Map<Watcher, Set<WatchKind>>();
    const kinds = watchers.get(watcher) ?? new Set<WatchKind>();
    if (kind === "recursive" && !kinds.has(kind)) this.#recursive++;
    kinds.add(kind);
    watchers.set(watcher, kinds);
    this.#byPath.set(path, watchers);
  }

  /** Forgets all watches of a connection. Costs a look at every watch there is. */
  removeAll(watcher: Watcher): void {
    for (const [path, watchers] of this.#byPath) {
      for (const kind of watchers.get(watcher) ?? []) this.#remove(path, watcher, kind);
    }
  }

  /** Tells every connection that watches for it, each once. */
  fire(event: TreeEvent): void {
    const told = new Set<Watcher>();
    for (const [watcher, kinds] of this.#byPath.get(event.path) ?? []) {
      let fires = kinds.has("persistent") || (kinds.has("recursive") && event.type !== "children-changed");
      for (const kind of ["data", "child"] as const) {
        if (!kinds.has(kind) || !concerns(kind, event)) continue;
        fires = true;
        this.#remove(event.path, watcher, kind);
      }
      if (fires) told.add(watcher);
    }
    if (this.#recursive > 0 && event.type !== "children-changed") {
      for (let path = event.path; path !== "/";) {
        path = parentOf(path);
        for (const [watcher, kinds] of this.#byPath.get(path) ?? []) {
          if (kinds.has("recursive")) told.add(watcher);
        }
      }
    }
    for (const watcher of told) watcher.notify(event);
  }

  /**
   * Sets a connection's one-shot watches again, as `setWatches` asks: what changed after the client's last transaction
   * is told at once instead.
   */
  restore(watcher: Watcher, tree: ZooKeeperTree, known: RestoredWatches): void {
    const tell = (type: TreeEvent["type"], path: string) =>
      watcher.notify({ type, path, zxid: tree.zxid, acl: tree.get(path)?.acl });
    for (const path of known.data) {
      const node = tree.get(path);
      if (node === undefined) tell("deleted", path);
      else if (node.mzxid > known.relativeZxid) tell("data-changed", path);
      else this.add(path, watcher, "data");
    }
    for (const path of known.exist) {
      if (tree.get(path) === undefined) this.add(path, watcher, "data");
      else tell("created", path);
    }
    for (const path of known.child) {
      const node = tree.get(path);
      if (node === undefined) tell("deleted", path);
      else if (node.pzxid > known.relativeZxid) tell("children-changed", path);
      else this.add(path, watcher, "child");
    }
  }

  #remove(path: string, watcher: Watcher, kind: WatchKind): void {
    const watchers = this.#byPath.get(path);
    const kinds = watchers?.get(watcher);
    if (watchers === undefined || kinds === undefined || !kinds.delete(kind)) return;
    if (kind === "recursive") this.#recursive--;
    if (kinds.size === 0) watchers.delete(watcher);
    if (watchers.size === 0) this.#byPath.delete(path);
  }
}

/** What a client had watched, by paths, and the last transaction that it knows. */
export interface RestoredWatches {
  readonly relativeZxid: bigint;
  readonly data: readonly string[];
  /** Nodes that were not there. */
  readonly exist: readonly string[];
  readonly child: readonly string[];
}

/** Whether an event ends the wait of a one-shot watch. */
function concerns(kind: "data" | "child", { type }: TreeEvent): boolean {
  return kind === "child" ? type === "children-changed" || type === "deleted" : type !== "children-changed";
}
