import { MeshError } from "../../../shared/runtime/errors.ts";
import type {
  Children,
  NodeData,
  NodeStat,
  SessionEvent,
  ZooKeeper,
} from "../../../shared/zookeeper/zookeeper.ts";

/** A node of a ZooKeeper tree: its full path, and its content as text (null: none). */
export interface TreeNode {
  readonly path: string;
  readonly data: string | null;
}

/** A dump of a tree in the place of a server: it is read like one, never changes, and can't be written. */
export class ZooKeeperDump implements ZooKeeper {
  readonly state = "connected";
  readonly server = "the dump";
  readonly lastError = undefined;
  readonly requests: ReadonlyMap<string, number> = new Map();
  readonly #contents = new Map<string, string | null>();
  readonly #children = new Map<string, Set<string>>();

  constructor(nodes: Iterable<TreeNode>) {
    for (const { path, data } of nodes) {
      this.#contents.set(path, data);
      this.#addToParent(path);
    }
  }

  /** True if there is an instance of an application below one of the roots. */
  hasApplications(roots: readonly string[]): boolean {
    for (const root of roots) {
      for (const application of this.#children.get(root) ?? []) {
        if (this.#children.has(`${root}/${application}`)) return true;
      }
    }
    return false;
  }

  onSession(_listener: (event: SessionEvent) => void): () => void {
    return () => {};
  }

  onWatch(): () => void {
    return () => {};
  }

  connected(): Promise<void> {
    return Promise.resolve();
  }

  getChildren(path: string): Promise<Children | undefined> {
    const names = this.#namesBelow(path);
    return Promise.resolve(names && { names, stat: this.#stat(names.length) });
  }

  getChildrenOf(paths: readonly string[]): readonly Promise<readonly string[] | undefined>[] {
    return paths.map((path) => Promise.resolve(this.#namesBelow(path)));
  }

  getData(path: string): Promise<NodeData | undefined> {
    if (!this.#exists(path)) return Promise.resolve(undefined);
    const data = Buffer.from(this.#contents.get(path) ?? "");
    return Promise.resolve({ data, stat: this.#stat(this.#namesBelow(path)?.length ?? 0) });
  }

  exists(path: string): Promise<NodeStat | undefined> {
    return Promise.resolve(this.#exists(path) ? this.#stat(this.#namesBelow(path)?.length ?? 0) : undefined);
  }

  watchTree(): Promise<boolean> {
    return Promise.resolve(true);
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  create(): Promise<string> {
    return Promise.reject(readOnly());
  }

  setData(): Promise<void> {
    return Promise.reject(readOnly());
  }

  delete(): Promise<void> {
    return Promise.reject(readOnly());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** A dump may have a node without its parents. */
  #addToParent(path: string): void {
    for (let child = path; child !== "/" && child !== "";) {
      const slash = child.lastIndexOf("/");
      const parent = slash === 0 ? "/" : child.slice(0, slash);
      const siblings = this.#children.get(parent);
      if (siblings?.has(child.slice(slash + 1)) === true) return;
      if (siblings === undefined) this.#children.set(parent, new Set([child.slice(slash + 1)]));
      else siblings.add(child.slice(slash + 1));
      child = parent;
    }
  }

  #exists(path: string): boolean {
    const node = withoutSlash(path);
    return this.#contents.has(node) || this.#children.has(node);
  }

  #namesBelow(given: string): readonly string[] | undefined {
    const path = withoutSlash(given);
    const names = this.#children.get(path);
    if (names !== undefined) return [...names];
    return this.#contents.has(path) ? [] : undefined;
  }

  #stat(childCount: number): NodeStat {
    return { czxid: 0n, mzxid: 0n, pzxid: 0n, version: 0, cversion: 0, ephemeralOwner: 0n, childCount };
  }
}

/** A configured root may end in a slash. */
function withoutSlash(path: string): string {
  return path.replace(/(?<=.)\/+$/, "");
}

function readOnly(): MeshError {
  return new MeshError("registry-unavailable", "A dump can't be written");
}
