import type { ServerResponse } from "node:http";
import { apiVersionOf, kinds } from "./objects.ts";
import type { ObjectChange, StoredObject } from "./object-history.ts";
import type { ApiRequest } from "./requests.ts";

/** Lines are written in batches of about this many characters. */
const batchLength = 65_536;

/** How a watch behaves. */
export interface WatcherOptions {
  readonly response: ServerResponse;
  readonly request: ApiRequest;
  /** How often it tells the version though nothing happens; 0 never. */
  readonly bookmarkMs: number;
  /** The server's present version. */
  currentRevision(): number;
  onEnd(): void;
}

/** One open watch. */
export class Watcher {
  readonly request: ApiRequest;
  /** True: sends nothing more, neither events nor bookmarks, and stays open: a watch that is deaf. */
  isDeaf = false;
  readonly #options: WatcherOptions;
  readonly #timers: NodeJS.Timeout[] = [];
  /** Changes that wait until the initial events have been sent; undefined afterwards. */
  #waiting: ObjectChange[] | undefined = [];
  #isOver = false;

  constructor(options: WatcherOptions) {
    this.request = options.request;
    this.#options = options;
    const { response, request, bookmarkMs } = options;
    response.once("close", () => this.#end());
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const seconds = Number(request.query.get("timeoutSeconds") ?? 0);
    if (seconds > 0) this.#timers.push(setTimeout(() => this.finish(), seconds * 1000));
    if (request.query.get("allowWatchBookmarks") === "true" && bookmarkMs > 0) {
      this.#timers.push(setInterval(() => this.#bookmark(false), bookmarkMs));
    }
  }

  /** Sends the objects that there are, then what has changed meanwhile. */
  async begin(initial: readonly StoredObject[], revision: number): Promise<void> {
    let batch = "";
    for (const object of initial) {
      if (!this.request.selects(object)) continue;
      batch += line("ADDED", object.json);
      if (batch.length < batchLength) continue;
      await this.#write(batch);
      batch = "";
      if (this.#isOver) return;
    }
    if (batch !== "") await this.#write(batch);
    if (this.request.isWatchList) this.#bookmark(true, revision);
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const change of waiting) this.#tell(change);
  }

  changed(change: ObjectChange): void {
    if (this.#waiting === undefined) this.#tell(change);
    else this.#waiting.push(change);
  }

  /** Ends it as a server does when the time is over: in order, and without a word. */
  finish(): void {
    if (this.#isOver || this.#waiting !== undefined) return;
    this.#options.response.end();
    this.#end();
  }

  /** Sends a Status as an event, and ends. */
  fail(code: number, reason: string, message: string): void {
    const status = {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message,
      reason,
      code,
    };
    this.#options.response.end(`${JSON.stringify({ type: "ERROR", object: status })}\n`);
    this.#end();
  }

  /** Breaks the connection after `text`, in the middle of an object. */
  breakOff(text: string): void {
    const { response } = this.#options;
    response.write(text, () => response.destroy());
  }

  /** Sends any text. */
  send(text: string): void {
    this.#options.response.write(text);
  }

  /** Breaks the connection. */
  destroy(): void {
    this.#options.response.destroy();
  }

  #tell({ before, after, revision }: ObjectChange): void {
    if (this.#isOver || this.isDeaf) return;
    const { selects } = this.request;
    const was = before !== undefined && selects(before);
    const is = after !== undefined && selects(after);
    const { response } = this.#options;
    if (is) response.write(line(was ? "MODIFIED" : "ADDED", after.json));
    // Also an object that the selectors don't have any more; with the version of the change.
    else if (was) response.write(line("DELETED", withVersion(before.json, revision)));
  }

  #bookmark(endsInitialEvents: boolean, revision = this.#options.currentRevision()): void {
    if (this.#isOver || this.isDeaf || (this.#waiting !== undefined && !endsInitialEvents)) return;
    const { kind } = this.request;
    const annotations = endsInitialEvents ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
    const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...annotations };
    const object = { kind: kinds[kind], apiVersion: apiVersionOf(kind), metadata };
    this.#options.response.write(line("BOOKMARK", object));
  }

  async #write(text: string): Promise<void> {
    const { response } = this.#options;
    if (this.#isOver || response.write(text)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        response.off("drain", done);
        response.off("close", done);
        resolve();
      };
      response.on("drain", done);
      response.on("close", done);
    });
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#options.onEnd();
  }
}

function line(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function withVersion(json: Readonly<Record<string, unknown>>, revision: number) {
  const { metadata } = json;
  const fields = typeof metadata === "object" && metadata !== null ? metadata : {};
  return { ...json, metadata: { ...fields, resourceVersion: String(revision) } };
}
