import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import { partsOf } from "../catalogue/catalogue.ts";
import type { Batch, KindCatalogue } from "../catalogue/catalogue.ts";
import { refuseAbove, requestLimits } from "./request-limits.ts";
import { shownNames } from "./protocol.ts";
import type { LastError, TypeStatus } from "./protocol.ts";
import { namesInError, Refusals } from "./refusals.ts";
import type { Carried } from "./refusals.ts";

/** What to put into a response. `resources` may be an array that other clients are sent, too. */
export interface DeltaContent extends Carried {
  /** What the client is at after it: a place in the entry log. */
  readonly position: string;
}

/** The subscription part of a request. */
export interface DeltaSubscription {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** Only looked at in the first request of a type. */
  readonly initialVersions: Readonly<Record<string, string>>;
}

interface InFlight extends DeltaContent {
  readonly nonce: string;
}

const wildcard = "*";
const nothingHeld: Readonly<Record<string, string>> = {};
const noResources: readonly CachedResource[] = [];

/** An entry of `removed_resources` takes its name, tag and length. */
const removedOverheadBytes = 4;

/**
 * The Delta protocol's state of one type on one stream. Keeps no list of the client's resources: the client has
 * everything up to a change number, except for the resources listed here.
 */
export class DeltaType implements TypeStatus {
  readonly typeUrl: string;
  readonly kind: ResourceKind | undefined;
  readonly #maxBytes: number;
  readonly #refusals: Refusals;
  #isWildcard = false;
  /** Subscribed by name. */
  readonly #names = new Set<string>();
  /** To be answered whatever the client has: newly subscribed names, names that left the wildcard's cover. */
  readonly #asked = new Set<string>();
  /** What the client brought with it, until the first answer. */
  #initial: Readonly<Record<string, string>> | undefined;
  /** The number of the last change that is sent or queued; undefined: everything is to be looked at. */
  #upTo: number | undefined;
  #position = "";
  #queue: (readonly CachedResource[])[] = [];
  /** Removals that are not sent yet, in their order. */
  readonly #gone = new Set<string>();
  #inFlight: InFlight | undefined;
  #mustAnswer = true;
  /** True when the wildcard came later than the first request. */
  #mustResync = false;
  /** Sent again at once because their neighbours were refused. */
  readonly #secondTries = new Set<string>();
  #ackedChange: number | undefined;
  sentVersion: string | undefined;
  sentNonce = "";
  ackedVersion: string | undefined;
  ackedNonce = "";
  sentAtMs = Number.NEGATIVE_INFINITY;
  nacks = 0;
  lastError: LastError | undefined;
  /** True if too much changed while the client was silent: only a new stream helps. */
  isLost = false;

  constructor(
    typeUrl: string,
    kind: ResourceKind | undefined,
    first: DeltaSubscription,
    maxBytes: number,
    nackBackoffMs: number,
  ) {
    this.typeUrl = typeUrl;
    this.kind = kind;
    this.#maxBytes = maxBytes;
    this.#refusals = new Refusals(nackBackoffMs);
    this.#initial = first.initialVersions;
    // Legacy rule of xDS: a first request without names subscribes to everything.
    if (first.subscribe.length === 0 && first.unsubscribe.length === 0) this.#isWildcard = true;
    else this.subscribe(first);
  }

  get inFlight(): boolean {
    return this.#inFlight !== undefined;
  }

  get refused(): readonly string[] {
    return this.#refusals.names(shownNames);
  }

  /** The number of the last change that the client is known to have; undefined before its first ACK. */
  get confirmedChange(): number | undefined {
    if (this.#inFlight !== undefined || this.#queue.length > 0) return this.#ackedChange;
    return this.#ackedChange === undefined ? undefined : this.#upTo;
  }

  /** When a refused resource may be sent again; undefined if there is none. */
  get retryAtMs(): number | undefined {
    return this.#inFlight === undefined ? this.#refusals.nextAtMs : undefined;
  }

  /** Changes what is subscribed. To be honoured whatever the request's nonce is. */
  subscribe({ subscribe, unsubscribe }: Omit<DeltaSubscription, "initialVersions">): void {
    for (const name of subscribe) {
      if (name === wildcard) {
        // Asked for again it is not sent again: that would be everything, with each ACK of a careless client.
        if (!this.#isWildcard) this.#mustResync = true;
        this.#isWildcard = true;
      } else {
        this.#names.add(name);
        this.#asked.add(name);
      }
    }
    for (const name of unsubscribe) {
      if (name === wildcard) this.#isWildcard = false;
      else {
        this.#names.delete(name);
        // The wildcard still covers it, and the client may have dropped it.
        if (this.#isWildcard) this.#asked.add(name);
        else this.#asked.delete(name);
      }
    }
    refuseAbove("names of one type", Math.max(this.#names.size, this.#asked.size), requestLimits.names);
    if (!this.#isWildcard) {
      this.#mustResync = false;
      if (unsubscribe.length > 0) this.#dropUnwanted();
    }
  }

  #wants(name: string): boolean {
    return this.#isWildcard || this.#names.has(name);
  }

  #dropUnwanted(): void {
    this.#refusals.keep((name) => this.#wants(name));
    for (const name of this.#gone) if (!this.#wants(name)) this.#gone.delete(name);
    this.#queue = this.#queue.map((part) => part.filter(({ name }) => this.#wants(name)))
      .filter(({ length }) => length > 0);
  }

  /** Takes in an ACK, or a NACK if there is an error. One of another nonce than the last is late and means nothing. */
  acknowledge(nonce: string, error: string | undefined, nowMs: number): void {
    const response = this.#inFlight;
    if (response === undefined || response.nonce !== nonce) return;
    this.#inFlight = undefined;
    if (error === undefined) {
      if (this.#refusals.size > 0) {
        for (const { name } of response.resources) this.#refusals.delete(name);
        for (const name of response.removed) this.#refusals.delete(name);
      }
      this.#secondTries.clear();
      this.ackedVersion = response.position;
      this.ackedNonce = nonce;
      if (this.#queue.length === 0) this.#ackedChange = this.#upTo;
      if (this.#refusals.size === 0) this.lastError = undefined;
      return;
    }
    this.nacks++;
    const named = namesInError(error, response);
    const concerned = named.length > 0
      ? named
      : [...response.resources.map(({ name }) => name), ...response.removed];
    this.lastError = { message: error, names: concerned.slice(0, shownNames) };
    this.#refuse(response, new Set(named), nowMs);
  }

  /** Whether the client has taken the rest of a refused response is its own affair: the rest is sent once more. */
  #refuse(response: InFlight, named: ReadonlySet<string>, nowMs: number): void {
    const unnamed = response.resources.length + response.removed.length - named.size;
    const take = (name: string, version: string | undefined) => {
      if (!this.#wants(name)) return;
      if (!named.has(name) && named.size > 0 && !this.#secondTries.has(name)) {
        this.#secondTries.add(name);
        this.#asked.add(name);
      } else {
        this.#secondTries.delete(name);
        this.#refusals.add(name, version, named.has(name) ? 1 : unnamed, nowMs);
      }
    };
    for (const { name, version } of response.resources) take(name, version);
    for (const name of response.removed) take(name, undefined);
  }

  /** True if something is to be sent besides removals: whoever depends on it should wait. */
  owesResources(catalogue: KindCatalogue): boolean {
    return this.#upTo !== catalogue.head || this.#mustResync || this.#queue.length > 0 ||
      this.#asked.size > 0;
  }

  /** True if anything is to be sent. */
  owes(catalogue: KindCatalogue): boolean {
    return this.owesResources(catalogue) || this.#gone.size > 0;
  }

  /** What to send now; undefined: nothing. Removals wait while `mayRemove` is false. */
  next(catalogue: KindCatalogue, mayRemove: boolean, nowMs: number): DeltaContent | undefined {
    if (this.#inFlight !== undefined || !catalogue.isOpen || this.isLost) return undefined;
    if (this.#queue.length === 0) this.#takeIn(catalogue);
    let resources = this.#queue.shift();
    if (resources === undefined) resources = this.#answers(catalogue, nowMs);
    const removed = this.#queue.length === 0 && mayRemove ? this.#removals() : [];
    if (resources.length === 0 && removed.length === 0 && !this.#mustAnswer) return undefined;
    if (resources.length === 0 && this.#mustAnswer && this.#gone.size > 0 && !mayRemove) return undefined;
    return { resources, removed, position: this.#position };
  }

  /** To be told once content of {@link next} is on its way. */
  sent(content: DeltaContent, nonce: string, nowMs: number): void {
    this.#mustAnswer = false;
    this.#inFlight = { ...content, nonce };
    this.sentVersion = content.position;
    this.sentNonce = nonce;
    this.sentAtMs = nowMs;
  }

  /** Queues what changed since the last time. */
  #takeIn(catalogue: KindCatalogue): void {
    if (this.#upTo === catalogue.head && !this.#mustResync) return;
    const all = this.#isWildcard && (this.#upTo === undefined || this.#mustResync);
    const initial = this.#initial ?? nothingHeld;
    const hasSome = Object.keys(initial).length > 0;
    const batch = hasSome
      ? catalogue.beyond(initial)
      : all
      ? catalogue.everything()
      : this.#upTo === undefined
      ? undefined
      : catalogue.since(this.#upTo);
    if (batch !== undefined) this.#queueBatch(batch);
    else if (this.#isWildcard) {
      this.isLost = true;
      return;
    } else if (this.#upTo !== undefined) {
      // By name, a client that is too far behind is answered for all its names again.
      for (const name of this.#names) this.#asked.add(name);
    }
    if (all) {
      // What is asked for by name is among everything, if it is there.
      for (const name of this.#asked) if (catalogue.get(name) === undefined) this.#gone.add(name);
      this.#asked.clear();
    }
    if (this.#mustResync) {
      // What it knew by name may have gone unnoticed.
      for (const name of this.#names) if (catalogue.get(name) === undefined) this.#gone.add(name);
    }
    if (hasSome) this.#removeWhatClientHad(initial, catalogue);
    this.#initial = undefined;
    this.#mustResync = false;
    this.#upTo = catalogue.head;
    this.#position = catalogue.position;
  }

  #queueBatch({ parts, removals }: Batch): void {
    // Nearly always: everything, as it is, in the arrays that all clients share.
    if (this.#isWildcard && this.#refusals.size === 0 && this.#gone.size === 0) {
      this.#queue.push(...parts);
    } else {
      for (const part of parts) {
        const fresh = part.filter(({ name, version }) =>
          this.#wants(name) && !this.#refusals.holds(name, version)
        );
        for (const { name } of fresh) this.#gone.delete(name);
        if (fresh.length > 0) this.#queue.push(fresh.length === part.length ? part : fresh);
      }
    }
    for (const { name } of removals) {
      if (this.#wants(name) && !this.#refusals.holds(name, undefined)) this.#gone.add(name);
    }
  }

  /** All that it wants and lacks is queued, so what it asked for by name is answered, too. */
  #removeWhatClientHad(initial: Readonly<Record<string, string>>, catalogue: KindCatalogue): void {
    for (const name of Object.keys(initial)) {
      if (this.#wants(name) && catalogue.get(name) === undefined) this.#gone.add(name);
    }
    for (const name of this.#asked) if (catalogue.get(name) !== undefined) this.#asked.delete(name);
  }

  /** What was asked for by name, else what may be tried again. */
  #answers(catalogue: KindCatalogue, nowMs: number): readonly CachedResource[] {
    if (this.#asked.size === 0 && this.#refusals.size === 0) return noResources;
    const isRetry = this.#asked.size === 0;
    const names = isRetry ? this.#refusals.due(nowMs) : this.#asked;
    const found: CachedResource[] = [];
    for (const name of names) {
      const resource = catalogue.get(name);
      if (resource === undefined) {
        this.#gone.add(name);
        this.#asked.delete(name);
      } else if (isRetry || !this.#refusals.holds(name, resource.version) || this.#names.has(name)) {
        this.#gone.delete(name);
        found.push(resource);
      } else this.#asked.delete(name);
    }
    const [first] = partsOf(found, this.#maxBytes);
    for (const { name } of first ?? noResources) this.#asked.delete(name);
    return first ?? noResources;
  }

  #removals(): string[] {
    const names: string[] = [];
    let bytes = 0;
    for (const name of this.#gone) {
      bytes += 3 * name.length + removedOverheadBytes;
      if (names.length > 0 && bytes > this.#maxBytes) break;
      names.push(name);
      this.#gone.delete(name);
    }
    return names;
  }
}
