import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { errorText, MeshError } from "../../runtime/errors.ts";
import { splitAddress } from "../../runtime/http-server.ts";
import type { OpName } from "../../zookeeper/wire/codes.ts";
import type { Request } from "../../zookeeper/wire/requests.ts";
import { ZooKeeperConnection } from "./connection.ts";
import type { ConnectionContext, Fault } from "./connection.ts";
import { SessionTable } from "./sessions.ts";
import { ZooKeeperTree } from "./tree.ts";
import { WatchTable } from "./watches.ts";

export type { Fault };

/** What ZooKeeper before 3.6 doesn't know. */
const opsSince36: ReadonlySet<OpName> = new Set(["addWatch", "setWatches2", "multiRead"]);

/** How to run a simulated server. */
export interface SimulatedZooKeeperOptions {
  /** Default: an empty one. Whoever holds it may change it without a session. */
  readonly tree?: ZooKeeperTree;
  /** Sessions get at least two of these and at most twenty. Default: 2000, as with a real one. */
  readonly tickTimeMs?: number;
}

/**
 * A ZooKeeper server in this process, over the real protocol: for the demo, and for tests of faults and scale. It
 * passes the suite that real servers pass (`test/zookeeper-suite.ts`). It knows neither `multi` nor quotas, containers
 * and TTLs; an operation that it doesn't know is refused as a real server refuses it.
 */
export class SimulatedZooKeeper implements AsyncDisposable {
  readonly tree: ZooKeeperTree;
  readonly watches: WatchTable = new WatchTable();
  /** Requests so far, by operation, refused ones too; each node of a `multiRead` is a `getChildren` as well. */
  readonly requests: Map<OpName, number> = new Map();
  /** Chooses the fault for a request, or (an error's number) for a node of one; undefined answers as it should. */
  fault: ((request: Request) => Fault | undefined) | undefined;
  /** False: like ZooKeeper 3.4 and 3.5, for connections that are made from then on. */
  knowsPersistentWatches = true;
  /** True: new connections are closed at once and without a word, as by a server without a majority. */
  refusesConnections = false;
  readonly #sessions: SessionTable;
  readonly #connections = new Set<ZooKeeperConnection>();
  readonly #bySession = new Map<bigint, ZooKeeperConnection>();
  #server: Server | undefined;
  #silent = false;

  constructor(options: SimulatedZooKeeperOptions = {}) {
    this.tree = options.tree ?? new ZooKeeperTree();
    this.tree.onEvent = (event) => this.watches.fire(event);
    this.#sessions = new SessionTable(options.tickTimeMs ?? 2_000, ({ id }) => {
      this.tree.deleteEphemerals(id);
      this.#bySession.get(id)?.drop();
    });
  }

  /**
   * Starts to listen on `address` (`host:port`, port 0 for any); answers it with the real port. After {@link stop} it
   * may listen again: tree and sessions are as they were. @throws MeshError `address-in-use`
   */
  async listen(address: string): Promise<string> {
    const { host, port } = splitAddress(address);
    const server = createServer((socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => {
        const why = `Cannot listen for ZooKeeper on ${address}: ${errorText(error)}`;
        reject(new MeshError("address-in-use", `${why}; stop what listens there`));
      });
      server.listen(port, host, resolve);
    });
    this.#server = server;
    const bound = server.address();
    return `${host}:${typeof bound === "object" && bound !== null ? bound.port : port}`;
  }

  /** Ends all connections and listens no more: connection attempts are refused. Sessions go on, and may expire. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) =>
      server === undefined ? resolve() : server.close(() => resolve())
    );
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }

  /** Ends all connections. Sessions go on. */
  dropConnections(): void {
    for (const connection of this.#connections) connection.drop();
  }

  /** Ends all sessions and what belongs to them, and with them their connections. */
  expireSessions(): void {
    this.#sessions.expireAll();
  }

  /** How many connections have finished their handshake. */
  get connectionCount(): number {
    return [...this.#connections].filter(({ session }) => session !== undefined).length;
  }

  /**
   * True: nothing is read and nothing is sent, though connections stay, and new ones are accepted; sessions expire
   * meanwhile. False: what has come meanwhile is answered, and connections of lost sessions end.
   */
  set silent(silent: boolean) {
    this.#silent = silent;
    for (const connection of this.#connections) {
      if (silent) connection.pause();
      else connection.resume();
    }
  }

  get silent(): boolean {
    return this.#silent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#sessions.clear();
  }

  #accept(socket: Socket): void {
    if (this.refusesConnections) return void socket.destroy();
    const connection = new ZooKeeperConnection(socket, this.#context());
    this.#connections.add(connection);
    socket.once("close", () => {
      this.#connections.delete(connection);
      const id = connection.session?.id;
      if (id !== undefined && this.#bySession.get(id) === connection) this.#bySession.delete(id);
    });
    if (this.#silent) connection.pause();
  }

  #context(): ConnectionContext {
    return {
      tree: this.tree,
      watches: this.watches,
      sessions: this.#sessions,
      unknownOps: this.knowsPersistentWatches ? new Set() : opsSince36,
      fourLetterWord: (word) => this.#fourLetterWord(word),
      attached: ({ id }, connection) => {
        const before = this.#bySession.get(id);
        this.#bySession.set(id, connection);
        // A session has one connection: the older one is taken for dead.
        if (before !== connection) before?.drop();
      },
      fault: (request) => {
        this.requests.set(request.op, (this.requests.get(request.op) ?? 0) + 1);
        return this.fault?.(request);
      },
    };
  }

  #fourLetterWord(word: string): string | undefined {
    switch (word) {
      case "ruok":
        return "imok";
      case "srvr": {
        const version = this.knowsPersistentWatches ? "3.9.0" : "3.4.0";
        return `Zookeeper version: ${version}-simulated\nMode: standalone\n`;
      }
      case "wchs":
        return `${this.connectionCount} connections\nTotal watches:${this.watches.count}\n`;
      default:
        return undefined;
    }
  }
}
