import type { Logger } from "../../../shared/runtime/log.ts";
import { errorText } from "../../../shared/runtime/errors.ts";
import { abortedError, Backoff, pause, unlessAborted } from "../../../shared/runtime/waiting.ts";
import type { WatchEvent, ZooKeeper } from "../../../shared/zookeeper/zookeeper.ts";
import type { Directory, RegistryTree } from "./registry-tree.ts";
import type { ResyncSchedule } from "./resync-schedule.ts";
import { TreeReader } from "./tree-reader.ts";
import type { TreeListener } from "./tree-reader.ts";
import { pathClassifier, watchedRoots } from "./tree-paths.ts";
import type { TreePath, TreeRoots, UrlKind } from "./tree-paths.ts";

/** Options of a follower. */
export interface TreeFollowerOptions {
  readonly zooKeeper: ZooKeeper;
  readonly tree: RegistryTree;
  readonly roots: TreeRoots;
  readonly readsConfigurators: boolean;
  /** Undefined: watch. Otherwise the time between two complete reads, in milliseconds. */
  readonly pollPeriodMs: number | undefined;
  /** Complete reads beside the watches; undefined: none but those after each connection. */
  readonly resync: ResyncSchedule | undefined;
  /** Maximum number of interfaces that are read at a time. */
  readonly atOnce: number;
  readonly listener: TreeListener & {
    /** A node beside interfaces and applications changed: a mapping, or an application's metadata. */
    metadataChanged(path: TreePath): void;
    /** Everything is being read again. */
    readBegins(): void;
    /** Everything has been read once more. */
    readCompletely(seconds: number): void;
    readFailed(seconds: number): void;
  };
  readonly log: Logger;
}

const directoryOf: Readonly<Record<UrlKind, Directory>> = {
  provider: "providers",
  consumer: "consumers",
  configurator: "configurators",
};

/** A timer's longest time, in milliseconds. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Keeps the tree equal to ZooKeeper. Watching: one recursive watch per root where the server has that, so that an
 * event alone tells the change and no request follows; else one-shot watches on each directory. Watches end with
 * their connection, so everything is read again after each one: what happened meanwhile can't be missed. The watch
 * is set before the first read, and events and answers are applied in the server's order.
 */
export class TreeFollower {
  readonly #options: TreeFollowerOptions;
  readonly #reader: TreeReader;
  readonly #classify: (path: string) => TreePath;
  readonly #backoff = new Backoff();
  /** Paths of the roots, as events have them. */
  readonly #interfaces: string;
  readonly #applications: ReadonlySet<string>;
  #hasTreeWatch = false;
  #following = false;
  #synced = false;
  #reading = false;
  #lastSuccessMs: number | undefined;
  #lastError: string | undefined;
  #wake = new AbortController();
  /** Reads that events have caused and that haven't ended. */
  readonly #background = new Set<Promise<void>>();
  /** Resolved by the end of the next complete read. */
  #nextRead = Promise.withResolvers<void>();

  constructor(options: TreeFollowerOptions) {
    this.#options = options;
    this.#classify = pathClassifier(options.roots);
    const { zooKeeper, tree, roots, readsConfigurators, listener } = options;
    this.#interfaces = withoutSlash(roots.interfaces);
    this.#applications = new Set(roots.applications.map(withoutSlash));
    this.#reader = new TreeReader({
      zooKeeper,
      tree,
      roots,
      readsConfigurators,
      classify: this.#classify,
      listener,
    });
  }

  /** True once everything was read. */
  get synced(): boolean {
    return this.#synced;
  }

  /**
   * True from the begin of a complete read until one is complete: what is missing meanwhile may be half of a loss.
   */
  get isReading(): boolean {
    return this.#reading;
  }

  /** When everything was read last, in milliseconds of `performance.now()`. */
  get lastSuccessMs(): number | undefined {
    return this.#lastSuccessMs;
  }

  /** Why the tree can't be followed at the moment; undefined if it is. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** False while the node of all interfaces doesn't exist, as the last read found it. */
  get rootExists(): boolean {
    return this.#reader.rootExists;
  }

  /** How changes are learnt of at the moment. */
  get means(): "one recursive watch" | "one-shot watches" | "polling" {
    if (this.#options.pollPeriodMs !== undefined) return "polling";
    return this.#hasTreeWatch ? "one recursive watch" : "one-shot watches";
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { zooKeeper } = this.#options;
    const stopWatching = zooKeeper.onWatch((event) => this.#onWatch(event));
    const stopSession = zooKeeper.onSession((event) => {
      this.#following = false;
      if (event !== "connected") this.#wake.abort();
    });
    const stop = () => this.#wake.abort();
    signal.addEventListener("abort", stop);
    while (!signal.aborted) {
      this.#wake = new AbortController();
      if (signal.aborted) break;
      await this.#readOnce(signal);
      if (this.#lastError === undefined) await this.#untilNextRead();
      else await this.#backoff.wait(signal);
    }
    signal.removeEventListener("abort", stop);
    stopSession();
    stopWatching();
  }

  /**
   * Settles when the tree shows at least what ZooKeeper had when this was called; tries until then.
   * @throws MeshError `registry-unavailable` when the signal aborts.
   */
  async refresh(signal: AbortSignal): Promise<void> {
    const { zooKeeper, pollPeriodMs } = this.#options;
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        await zooKeeper.connected(signal);
        if (pollPeriodMs !== undefined) {
          await this.#untilReadAnew(signal);
          return;
        }
        if (!this.#following || this.#reading) await this.#untilRead(signal);
        await zooKeeper.sync(this.#interfaces);
        // Reads that begin from here on are of later changes; where changes never end, they don't either.
        await Promise.all(this.#background);
        if (this.#following && !this.#reading) return;
      } catch {
        await backoff.wait(signal);
      }
    }
    throw abortedError("registry-unavailable", "Reading ZooKeeper again");
  }

  /** The end of a complete read, whenever it began. */
  async #untilRead(signal: AbortSignal): Promise<void> {
    await unlessAborted(this.#nextRead.promise, signal, "registry-unavailable", "Reading ZooKeeper");
  }

  /** The end of a complete read that begins after this call. */
  async #untilReadAnew(signal: AbortSignal): Promise<void> {
    if (this.#reading) await this.#untilRead(signal);
    this.#wake.abort();
    await this.#untilRead(signal);
  }

  async #readOnce(signal: AbortSignal): Promise<void> {
    const { zooKeeper, listener, atOnce } = this.#options;
    let startMs = performance.now();
    try {
      await zooKeeper.connected(signal);
      startMs = performance.now();
      await this.#watch();
      this.#reading = true;
      listener.readBegins();
      await this.#reader.readAll(atOnce);
      this.#lastSuccessMs = performance.now();
      this.#lastError = undefined;
      this.#synced = true;
      this.#reading = false;
      this.#backoff.reset();
      listener.readCompletely((this.#lastSuccessMs - startMs) / 1000);
      this.#nextRead.resolve();
      this.#nextRead = Promise.withResolvers();
    } catch (error) {
      if (signal.aborted) return;
      const reason = errorText(error);
      listener.readFailed((performance.now() - startMs) / 1000);
      this.#lastError = reason;
    }
  }

  /** Sets one watch for everything, if there isn't one yet on this connection. */
  async #watch(): Promise<void> {
    const { zooKeeper, pollPeriodMs, roots, log } = this.#options;
    if (pollPeriodMs !== undefined || this.#following) return;
    let hasTreeWatch = true;
    for (const root of watchedRoots(roots)) hasTreeWatch &&= await zooKeeper.watchTree(root);
    if (!hasTreeWatch && (this.#hasTreeWatch || !this.#synced)) {
      log.warn(
        { server: zooKeeper.server },
        "this ZooKeeper has no recursive watches (3.6 has): watching each directory",
      );
    }
    this.#hasTreeWatch = hasTreeWatch;
    this.#reader.watches = !hasTreeWatch;
    this.#following = true;
  }

  async #untilNextRead(): Promise<void> {
    const { pollPeriodMs, resync } = this.#options;
    const wait = pollPeriodMs ?? resync?.msUntilNext(new Date()) ?? longestTimerMs;
    await pause(Math.min(wait, longestTimerMs), this.#wake.signal);
  }

  #onWatch(event: WatchEvent): void {
    if (!this.#following) return;
    const path = this.#classify(event.path);
    if (this.#hasTreeWatch) this.#apply(event, path);
    else this.#rereadWatched(event, path);
  }

  /** An event of the recursive watch: its path says all, but for the content of an application's node. */
  #apply({ type, path }: WatchEvent, what: TreePath): void {
    const { tree, listener } = this.#options;
    switch (what.kind) {
      case "provider":
      case "consumer":
      case "configurator": {
        const directory = directoryOf[what.kind];
        if (directory === "configurators" && !this.#options.readsConfigurators) return;
        const changed = type === "created"
          ? tree.add(what.interface, directory, what.name)
          : type === "deleted" && tree.remove(what.interface, directory, what.name);
        if (!changed) return;
        const sign = type === "created" ? 1 : -1;
        listener.interfaceChanged(what.interface, directory === "providers" ? sign : 0);
        return;
      }
      case "application-instance":
        if (type === "deleted") this.#reader.removeApplicationNode(path);
        else this.#inBackground(this.#reader.readApplicationNode(path, this.#options.atOnce));
        return;
      case "mapping":
      case "application-metadata":
      case "service-definition":
        listener.metadataChanged(what);
        return;
      case "interface-directory":
      case "url-directory":
      case "application-directory":
      case "other":
        return;
    }
  }

  /** A one-shot watch fired: what it was set on is read again, which sets the next one. */
  #rereadWatched({ path }: WatchEvent, what: TreePath): void {
    const { atOnce } = this.#options;
    if (path === this.#interfaces) {
      this.#inBackground(this.#reader.readInterfaces(atOnce));
    } else if (what.kind === "url-directory") {
      const nodeName = path.slice(this.#interfaces.length).split("/").at(this.#interfaces === "/" ? 0 : 1) ??
        "";
      this.#inBackground(this.#reader.readDirectory(nodeName, directoryOf[what.of]));
    } else if (what.kind === "application-instance") {
      this.#inBackground(this.#reader.readApplicationNode(path, atOnce));
    } else if (
      this.#applications.has(path) || what.kind === "application-directory" ||
      what.kind === "interface-directory"
    ) {
      this.#inBackground(this.#reader.rereadApplications(path, atOnce));
    }
  }

  /** A request that fails here ended with its connection; the next connection reads everything. */
  #inBackground(work: Promise<void>): void {
    const settled = work.catch((error: unknown) => {
      this.#options.log.debug({ reason: errorText(error) }, "a read ended early");
    }).finally(() => this.#background.delete(settled));
    this.#background.add(settled);
  }
}

function withoutSlash(root: string): string {
  return root.replace(/(?<=.)\/+$/, "");
}
