import { randomBytes } from "node:crypto";
import type { ServiceRow } from "../../../../shared/api/services.ts";
import type { ApiOptions } from "../api-options.ts";
import { overviewAnswer } from "../overview-answer.ts";
import { rowOf } from "../service-rows.ts";
import { ChangeRing } from "./change-ring.ts";

/** How often changes are told, in milliseconds: fifty a second are one message for all consoles. */
const flushMs = 250;

/** How often the figures are looked at, in milliseconds. */
const overviewMs = 1_000;

/** How often something is sent when there is nothing to say, in milliseconds. */
const pulseMs = 15_000;

/** Receives the text of events; false: it can't take more, and is dropped. */
export type Listener = (text: string) => boolean;

/**
 * What happens, as server-sent events: made once for all consoles, and not at all without one.
 *
 * An event's id is `<process>.<number>`: the number counts the changes of services, and another process counts anew (it
 * doesn't know what was deleted before it began). A listener that comes back with an id gets what it has missed, or
 * `reset` if that isn't known any more.
 */
export class EventHub {
  readonly #options: ApiOptions;
  readonly #process = randomBytes(6).toString("hex");
  readonly #listeners = new Set<Listener>();
  readonly #ring: ChangeRing;
  #head: number;
  #told: number;
  #overview = "";
  #timers: NodeJS.Timeout[] = [];

  constructor(options: ApiOptions) {
    this.#options = options;
    const { cache } = options;
    this.#head = cache.head("ServiceEntry");
    this.#told = this.#head;
    this.#ring = new ChangeRing(this.#head);
    cache.onChange((kind) => {
      if (kind === "ServiceEntry") this.#take();
    });
  }

  /** How many listen. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Adds a listener; `lastId` is the last event that it has. Returns the function that ends it. */
  listen(listener: Listener, lastId: string | undefined): () => void {
    // What the others are told next would come twice, or not at all.
    this.#flush();
    const missed = this.#missed(lastId);
    if (missed === undefined) listener(eventText(lastId === undefined ? "hello" : "reset", {}, this.#id));
    else listener(eventText("services", this.#changesOf(missed), this.#id));
    this.#overview = overviewText(this.#options);
    listener(this.#overview);
    this.#listeners.add(listener);
    if (this.#timers.length === 0) this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  get #id(): string {
    return `${this.#process}.${this.#told}`;
  }

  #start(): void {
    this.#timers = [
      setInterval(() => this.#flush(), flushMs),
      setInterval(() => this.#tellOverview(), overviewMs),
      setInterval(() => this.#tell(":\n\n"), pulseMs),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  #stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  /** Notes what has changed, while the cache still remembers. */
  #take(): void {
    const { cache } = this.#options;
    const changes = cache.changesSince("ServiceEntry", this.#head);
    this.#head = cache.head("ServiceEntry");
    if (changes === undefined) this.#ring.lose(this.#head);
    else this.#ring.add(changes);
  }

  #missed(lastId: string | undefined): ReadonlySet<string> | undefined {
    const [process, number] = (lastId ?? "").split(".");
    return process === this.#process ? this.#ring.since(Number(number)) : undefined;
  }

  #flush(): void {
    if (this.#head === this.#told) return;
    const names = this.#ring.since(this.#told);
    this.#told = this.#head;
    if (this.#listeners.size === 0) return;
    this.#tell(
      names === undefined
        ? eventText("reset", {}, this.#id)
        : eventText("services", this.#changesOf(names), this.#id),
    );
  }

  #tellOverview(): void {
    const text = overviewText(this.#options);
    if (text === this.#overview) return;
    this.#overview = text;
    this.#tell(text);
  }

  #tell(text: string): void {
    for (const listener of this.#listeners) if (!listener(text)) this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.#stop();
  }

  #changesOf(names: ReadonlySet<string>) {
    const { cache } = this.#options;
    const rows: ServiceRow[] = [];
    const gone: string[] = [];
    for (const name of names) {
      const resource = cache.get("ServiceEntry", name);
      if (resource === undefined) gone.push(name);
      else rows.push(rowOf(resource, this.#options));
    }
    return { rows, gone, position: cache.position("ServiceEntry") };
  }
}

function overviewText(options: ApiOptions): string {
  return eventText("overview", overviewAnswer(options));
}

/** An event on the wire. JSON has no line break of its own. */
export function eventText(event: string, data: unknown, id?: string): string {
  return `event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
