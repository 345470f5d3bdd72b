import type { ServiceName } from "../nacos.ts";
import { isObject, textOr } from "../wire/json.ts";
import type { JsonObject } from "../wire/json.ts";
import { parseWatchKey, serviceKey, watchKey } from "../wire/service-key.ts";
import { errorCodes } from "./response.ts";

/** What a watch finds out. */
export type WatchFinding =
  | { readonly type: "services"; readonly services: readonly ServiceName[] }
  | { readonly type: "service-added"; readonly service: ServiceName }
  | { readonly type: "service-gone"; readonly service: ServiceName };

/** What the server is asked for: everything, or the difference to what is held. */
export interface WatchRequest {
  readonly namespace: string;
  readonly groupKeyPattern: string;
  readonly watchType: "WATCH";
  /** Not `isInitializing`: a wrong name is taken for false. */
  readonly initializing: boolean;
  /** Without it the server fails after it has said that all is well. */
  readonly receivedGroupKeys: readonly string[];
}

/** As Nacos' Java client has it. */
const healMs = 180_000;

/** A watch that isn't complete after this time is begun again, and lists serve meanwhile. */
const patienceMs = 15_000;

/** The most services that a server tells of for one pattern; at it, it is silent about those that are gone. */
const mostKeys = 500;

/**
 * Follows which services there are, as Nacos 3 tells it: all of them in batches of ten, then an end, then changes. Its
 * servers allow 20 patterns for all clients together, and 500 services for each; beyond that, lists are needed. Without
 * I/O and clock; times are milliseconds of a monotonic clock.
 */
export class FuzzyWatch {
  readonly #namespace: string;
  readonly #pattern: string;
  readonly #isWanted: (service: ServiceName) => boolean;
  readonly #held = new Map<string, ServiceName>();
  #phase: "idle" | "beginning" | "watching" = "idle";
  #isOverLimit = false;
  /** When the present phase began, or the last request was sent. */
  #sinceMs = 0;
  #incompleteSinceMs = 0;

  /** @param groups whose services matter; undefined: all */
  constructor(namespace: string, groups: readonly string[] | undefined) {
    this.#namespace = namespace;
    const [only] = groups ?? [];
    // One pattern, whatever is wanted: they are few.
    const group = groups?.length === 1 && only !== undefined && !only.includes("*") ? only : "*";
    this.#pattern = `${namespace}>>${group}>>*`;
    this.#isWanted = groups === undefined ? () => true : (service) => groups.includes(service.group);
  }

  /** True if lists have to make up for what the watch doesn't tell. */
  needsLists(nowMs: number): boolean {
    if (this.#isOverLimit) return true;
    return this.#phase !== "watching" && nowMs - this.#incompleteSinceMs >= patienceMs;
  }

  /** A new connection, or a new start: everything is asked for. */
  begin(nowMs: number): WatchRequest {
    // Begun again because it came to no end: it has been incomplete for as long as that.
    if (this.#phase !== "beginning") this.#incompleteSinceMs = nowMs;
    this.#held.clear();
    this.#phase = "beginning";
    this.#isOverLimit = false;
    this.#sinceMs = nowMs;
    return this.#request(true);
  }

  /** What is to be asked for now; undefined if nothing is. */
  due(nowMs: number): WatchRequest | undefined {
    const waited = nowMs - this.#sinceMs;
    switch (this.#phase) {
      case "idle":
        return waited >= healMs ? this.begin(nowMs) : undefined;
      case "beginning":
        return waited >= patienceMs && !this.#isOverLimit ? this.begin(nowMs) : undefined;
      case "watching":
        if (waited < healMs) return undefined;
        // What is left out beyond the limit would be told as gone.
        if (this.#isOverLimit) return this.begin(nowMs);
        this.#sinceMs = nowMs;
        return this.#request(false);
    }
  }

  /** The server answered: with an error's code, or 0. */
  answered(errorCode: number, nowMs: number): void {
    if (errorCode === errorCodes.overMatchLimit) this.#isOverLimit = true;
    else if (errorCode !== 0) {
      // Not watching at all.
      this.#phase = "idle";
      this.#isOverLimit = true;
      this.#sinceMs = nowMs;
    }
  }

  /** Takes a message of the server, and returns what it means. Of another namespace or pattern, it means nothing. */
  take(type: string, body: JsonObject, nowMs: number): readonly WatchFinding[] {
    if (type === "NamingFuzzyWatchChangeNotifyRequest") {
      return this.#change(textOr(body["serviceKey"], ""), body["changedType"]);
    }
    if (type !== "NamingFuzzyWatchSyncRequest" || body["groupKeyPattern"] !== this.#pattern) return [];
    const contexts = Array.isArray(body["contexts"]) ? body["contexts"] : [];
    const findings = contexts.filter(isObject).flatMap((context) =>
      this.#change(textOr(context["serviceKey"], ""), context["changedType"])
    );
    if (body["syncType"] !== "FINISH_FUZZY_WATCH_INIT_NOTIFY" || this.#phase !== "beginning") return findings;
    this.#phase = "watching";
    this.#sinceMs = nowMs;
    if (this.#held.size >= mostKeys) this.#isOverLimit = true;
    if (!this.#isOverLimit) return [{ type: "services", services: this.#wanted() }];
    return this.#wanted().map((service) => ({ type: "service-added", service }));
  }

  #wanted(): ServiceName[] {
    return [...this.#held.values()].filter(this.#isWanted);
  }

  #change(key: string, changedType: unknown): readonly WatchFinding[] {
    const parsed = parseWatchKey(key);
    if (parsed === undefined || parsed.namespace !== this.#namespace) return [];
    const { service } = parsed;
    const held = serviceKey(service);
    const isGone = changedType === "DELETE_SERVICE";
    const isNew = !this.#held.has(held);
    if (isGone) this.#held.delete(held);
    else this.#held.set(held, service);
    // While it begins, all is told at its end.
    if (this.#phase === "beginning" || !this.#isWanted(service)) return [];
    if (isGone) return [{ type: "service-gone", service }];
    return isNew ? [{ type: "service-added", service }] : [];
  }

  #request(initializing: boolean): WatchRequest {
    const keys = initializing
      ? []
      : [...this.#held.values()].map((service) => watchKey(this.#namespace, service));
    return {
      namespace: this.#namespace,
      groupKeyPattern: this.#pattern,
      watchType: "WATCH",
      initializing,
      receivedGroupKeys: keys,
    };
  }
}
