/**
 * What meshregistry asks of a ZooKeeper client. Two drivers implement it: our own, in plain TypeScript
 * (`client.ts`), and the `zookeeper` package (`native-driver.ts`). Both pass the suite in `test/zookeeper-suite.ts`.
 *
 * Order: ZooKeeper answers in order and tells of a change before any answer that shows it. A driver keeps that: each
 * frame of the server is handled in a turn of its own, so that whatever awaits an answer goes on, through all its
 * microtasks, before the next event or answer is delivered.
 */
export interface ZooKeeper extends AsyncDisposable {
  /**
   * Whether there is a connection. A request goes to the connection that there is, and fails with it: with a MeshError
   * `registry-unavailable` (`protocol-violation` if the server broke the protocol) if there is none, or it ends before
   * the answer. Nothing is repeated by itself: whoever reads has to read all again after `connected` anyway, and
   * whether a write was done is known by reading.
   */
  readonly state: "connecting" | "connected" | "closed";
  /** `host:port` of the server in use, or the last one. */
  readonly server: string | undefined;
  /** Why there is no connection, as one sentence; undefined while there is one. */
  readonly lastError: string | undefined;
  /** Requests sent since the start, by operation. */
  readonly requests: ReadonlyMap<string, number>;

  /** Tells of connections and their ends. Answers the function that ends it. */
  onSession(listener: (event: SessionEvent) => void): () => void;
  /** Tells of every watch that fires. Answers the function that ends it. */
  onWatch(listener: (event: WatchEvent) => void): () => void;

  /** Settles when there is a connection. @throws MeshError when the signal aborts, or the client is closed. */
  connected(signal: AbortSignal): Promise<void>;
  /** Names of the children, in no order; undefined if there is no such node. `watch` sets a one-shot child watch. */
  getChildren(path: string, watch?: boolean): Promise<Children | undefined>;
  /**
   * Names of the children of many nodes, as {@link getChildren} would each: a promise for each path, so that one that
   * is refused fails alone, and each is applied in the turn of its own answer. Wait for all of them at once, or those
   * that fail are unhandled. From ZooKeeper 3.6 on many paths share a request, which is four times as fast. A server
   * before that hangs up on it, and an answer that is too large ends the connection, too: once, since paths are asked
   * for one by one then.
   * @throws TypeError for a path that is none, before anything is sent.
   */
  getChildrenOf(paths: readonly string[]): readonly Promise<readonly string[] | undefined>[];
  /** Content of a node; undefined if there is no such node. `watch` sets a one-shot data watch. */
  getData(path: string, watch?: boolean): Promise<NodeData | undefined>;
  /** Whether there is such a node. `watch` sets a one-shot watch that also tells of its creation. */
  exists(path: string, watch?: boolean): Promise<NodeStat | undefined>;
  /**
   * One watch for a node and everything below it (ZooKeeper 3.6), until the connection ends. Answers false if this
   * server, or the driver, has none: then use one-shot watches. Ask before all else on a connection: a server before
   * 3.6 hangs up on that, once. The call fails like any whose connection ends, and answers false on the next one.
   * A one-shot watch on the same path is a TypeError from then on: before 3.9 it would end this one (ZOOKEEPER-4466).
   */
  watchTree(path: string): Promise<boolean>;
  /**
   * Settles when the server in use has caught up with its ensemble as of this call: all watches for what happened
   * before have fired by then. @throws ZooKeeperError
   */
  sync(path: string): Promise<void>;
  /**
   * Creates a node; answers its path. @throws ZooKeeperError, as all requests do that the server refuses. Its code is
   * `invalid-record` if that is about the node, as if it may not be read.
   */
  create(path: string, data?: Uint8Array, options?: CreateOptions): Promise<string>;
  /** Replaces a node's content. @throws ZooKeeperError */
  setData(path: string, data: Uint8Array): Promise<void>;
  /** Deletes a node without children. @throws ZooKeeperError */
  delete(path: string): Promise<void>;
}

/**
 * `connected`: a new connection; every watch of the one before is gone, so watch again and read all.
 * `disconnected`: the connection ended, another is being looked for. `expired`: so did the session, with its
 * ephemeral nodes; a new session follows by itself.
 */
export type SessionEvent = "connected" | "disconnected" | "expired";

/** What happened to a node. Paths are the client's, without the chroot. */
export interface WatchEvent {
  readonly type: "created" | "deleted" | "data-changed" | "children-changed";
  readonly path: string;
}

export interface Children {
  readonly names: readonly string[];
  readonly stat: NodeStat;
}

export interface NodeData {
  /** Empty for a node without content. */
  readonly data: Uint8Array;
  readonly stat: NodeStat;
}

/** The fields of ZooKeeper's Stat that anybody here looks at. */
export interface NodeStat {
  /** Transaction of the creation, of the last change of the content, of the last change among the children. */
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  readonly version: number;
  readonly cversion: number;
  /** Session that an ephemeral node belongs to; 0 for others, and for containers. */
  readonly ephemeralOwner: bigint;
  readonly childCount: number;
}

export interface CreateOptions {
  readonly ephemeral?: boolean;
  readonly sequential?: boolean;
  /** Only the creator (by its digest) may use the node, as Dubbo does with a user and password; others: everybody. */
  readonly creatorOnly?: boolean;
}

/** How to reach an ensemble. */
export interface ZooKeeperOptions {
  /** `host:port` each, IPv6 in brackets, port 2181 by default; the last one may end in a chroot. */
  readonly servers: readonly string[];
  /** Asked for; the server may grant another. In milliseconds. */
  readonly sessionTimeoutMs: number;
  readonly digest?: { readonly username: string; readonly password: string } | undefined;
  /** PEM texts; an empty object: TLS with the system's CA certificates. */
  readonly tls?:
    | {
      readonly ca?: string | undefined;
      readonly cert?: string | undefined;
      readonly key?: string | undefined;
    }
    | undefined;
  /** Larger answers end the connection. */
  readonly maxFrameBytes: number;
  /** Is told how each request ended; that a node isn't there is an answer as well. */
  readonly requested?: (success: boolean) => void;
}
