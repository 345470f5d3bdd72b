import { errorCodes } from "../../zookeeper/wire/codes.ts";
import type { EventName } from "../../zookeeper/wire/codes.ts";
import type { Acl, Stat } from "../../zookeeper/wire/records.ts";
import { ZooKeeperError } from "../../zookeeper/zookeeper-error.ts";

/**
 * What a ZooKeeper server holds: a tree of nodes with content and Stat, and which session each ephemeral node belongs
 * to. Rules: those of ZooKeeper's `DataTree`, seen from outside.
 */

/** A node. Only the tree changes it. */
export interface TreeNode {
  /** Undefined: none, which ZooKeeper tells from empty. */
  readonly data: Uint8Array | undefined;
  /** Undefined: everybody may do everything. */
  readonly acl: readonly Acl[] | undefined;
  readonly children: ReadonlyMap<string, TreeNode>;
  /** Of the creation, the last content, and the last change among the children. */
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  readonly ephemeralOwner: bigint;
}

/** A change, as watches tell it. */
export interface TreeEvent {
  readonly type: EventName;
  readonly path: string;
  readonly zxid: bigint;
  /** Access list of the node at `path`, as it was if it is gone. */
  readonly acl: readonly Acl[] | undefined;
}

/** What a new node is, beside its content. */
export interface NewNode {
  /** Session whose end ends the node; 0 or none: it stays. */
  readonly ephemeralOwner?: bigint;
  /** Appends a number of ten digits, which the parent counts, to the name. */
  readonly sequential?: boolean;
  readonly acl?: readonly Acl[] | undefined;
}

/** Many nodes are never parents: they share this. */
const noChildren: Map<string, Node> = new Map();

class Node implements TreeNode {
  data: Uint8Array | undefined;
  readonly acl: readonly Acl[] | undefined;
  children: Map<string, Node> = noChildren;
  readonly czxid: bigint;
  mzxid: bigint;
  pzxid: bigint;
  readonly ephemeralOwner: bigint;
  readonly ctime: number;
  mtime: number;
  version = 0;
  /** Children ever created: numbers sequential nodes. */
  created = 0;

  constructor(zxid: bigint, time: number, data: Uint8Array | undefined, { ephemeralOwner, acl }: NewNode) {
    this.data = data;
    this.acl = acl;
    this.czxid = this.mzxid = this.pzxid = zxid;
    this.ctime = this.mtime = time;
    this.ephemeralOwner = ephemeralOwner ?? 0n;
  }
}

/**
 * The tree of a server; see above. Paths are checked where nodes are created. Every change has a transaction number
 * and is told to `onEvent` at once, after it was made. A million nodes of some hundred bytes are no burden.
 */
export class ZooKeeperTree {
  /** Called for every event: a creation, for instance, is one of the node and one of its parent. */
  onEvent: (event: TreeEvent) => void = () => {};
  readonly #root = new Node(0n, 0, new Uint8Array(), {});
  readonly #ephemerals = new Map<bigint, Set<string>>();
  readonly #now: () => number;
  #zxid = 0n;

  /** @param now clock for the times in Stats, in milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    // Every server has these from the beginning, and doesn't count them.
    this.create("/zookeeper");
    this.create("/zookeeper/config");
    this.create("/zookeeper/quota");
    this.#root.created = 0;
  }

  /** The last transaction. */
  get zxid(): bigint {
    return this.#zxid;
  }

  /** The node at a path, or undefined. */
  get(path: string): TreeNode | undefined {
    return this.#find(path);
  }

  /** What ZooKeeper tells of the node at a path; undefined if there is none. */
  stat(path: string): Stat | undefined {
    const node = this.#find(path);
    return node && {
      czxid: node.czxid,
      mzxid: node.mzxid,
      ctime: BigInt(node.ctime),
      mtime: BigInt(node.mtime),
      version: node.version,
      // Creations and deletions of children together.
      cversion: node.created * 2 - node.children.size,
      aversion: 0,
      ephemeralOwner: node.ephemeralOwner,
      dataLength: node.data?.length ?? 0,
      numChildren: node.children.size,
      pzxid: node.pzxid,
    };
  }

  /** Creates a node and answers its path. @throws ZooKeeperError */
  create(path: string, data?: Uint8Array, options: NewNode = {}): string {
    if (!isCreatable(path) && !(options.sequential === true && isCreatable(`${path}0`))) {
      throw refusal("create", path === "/" ? "nodeExists" : "badArguments", path);
    }
    const parentPath = parentOf(path);
    const parent = this.#find(parentPath);
    if (parent === undefined) throw refusal("create", "noNode", path);
    if (parent.ephemeralOwner !== 0n) throw refusal("create", "noChildrenForEphemerals", path);
    const full = options.sequential === true ? `${path}${String(parent.created).padStart(10, "0")}` : path;
    const name = nameOf(full);
    if (parent.children.has(name)) throw refusal("create", "nodeExists", full);
    const zxid = ++this.#zxid;
    const node = new Node(zxid, this.#now(), data, options);
    if (parent.children === noChildren) parent.children = new Map();
    parent.children.set(name, node);
    parent.created++;
    parent.pzxid = zxid;
    if (node.ephemeralOwner !== 0n) {
      const owned = this.#ephemerals.get(node.ephemeralOwner) ?? new Set();
      owned.add(full);
      this.#ephemerals.set(node.ephemeralOwner, owned);
    }
    this.onEvent({ type: "created", path: full, zxid, acl: node.acl });
    this.onEvent({ type: "children-changed", path: parentPath, zxid, acl: parent.acl });
    return full;
  }

  /** Creates a node unless it is there, and its parents as well. @throws ZooKeeperError */
  ensure(path: string, data?: Uint8Array): void {
    if (this.#find(path) !== undefined) return;
    this.ensure(parentOf(path));
    this.create(path, data);
  }

  /** Replaces the content. @param version -1 for any @throws ZooKeeperError */
  setData(path: string, data: Uint8Array | undefined, version = -1): void {
    const node = this.#find(path);
    if (node === undefined) throw refusal("setData", "noNode", path);
    if (version !== -1 && version !== node.version) throw refusal("setData", "badVersion", path);
    node.data = data;
    node.version++;
    node.mzxid = ++this.#zxid;
    node.mtime = this.#now();
    this.onEvent({ type: "data-changed", path, zxid: node.mzxid, acl: node.acl });
  }

  /** Deletes a node without children. @param version -1 for any @throws ZooKeeperError */
  delete(path: string, version = -1): void {
    const node = this.#find(path);
    if (path === "/") throw refusal("delete", "badArguments", path);
    if (node === undefined) throw refusal("delete", "noNode", path);
    if (version !== -1 && version !== node.version) throw refusal("delete", "badVersion", path);
    if (node.children.size > 0) throw refusal("delete", "notEmpty", path);
    this.#remove(path, node, ++this.#zxid);
  }

  /** Deletes a node and all below it, if it is there. */
  deleteAll(path: string): void {
    for (const name of this.#find(path)?.children.keys() ?? []) {
      this.deleteAll(path === "/" ? `/${name}` : `${path}/${name}`);
    }
    if (path !== "/" && this.#find(path) !== undefined) this.delete(path);
  }

  /** Ends what belongs to a session, in one transaction. */
  deleteEphemerals(owner: bigint): void {
    const zxid = ++this.#zxid;
    for (const path of this.#ephemerals.get(owner) ?? []) {
      const node = this.#find(path);
      if (node !== undefined) this.#remove(path, node, zxid);
    }
  }

  #remove(path: string, node: Node, zxid: bigint): void {
    const parentPath = parentOf(path);
    const parent = this.#find(parentPath);
    if (parent === undefined) return;
    parent.children.delete(nameOf(path));
    parent.pzxid = zxid;
    const owned = this.#ephemerals.get(node.ephemeralOwner);
    owned?.delete(path);
    if (owned?.size === 0) this.#ephemerals.delete(node.ephemeralOwner);
    this.onEvent({ type: "deleted", path, zxid, acl: node.acl });
    this.onEvent({ type: "children-changed", path: parentPath, zxid, acl: parent.acl });
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (let start = 1; start < path.length && node !== undefined;) {
      const slash = path.indexOf("/", start);
      const end = slash === -1 ? path.length : slash;
      node = node.children.get(path.slice(start, end));
      start = end + 1;
      // A slash at the end leads to a child without a name, which nobody has.
      if (slash === path.length - 1) return undefined;
    }
    return node;
  }
}

/** The path without its last segment. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Control characters, surrogates, private and special ones: what `PathUtils.validatePath` refuses. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const forbidden = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/;

function isCreatable(path: string): boolean {
  if (!path.startsWith("/") || path.length === 1 || forbidden.test(path)) return false;
  return path.slice(1).split("/").every((name) => name !== "" && name !== "." && name !== "..");
}

function refusal(request: string, code: keyof typeof errorCodes, path: string): ZooKeeperError {
  return new ZooKeeperError(request, path, errorCodes[code]);
}
