import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { resourceKinds } from "../../../shared/model/manifest.ts";
import type { LastError, TypeStatus } from "./protocol.ts";
import { mentionedNames } from "./refusals.ts";
import { kindOfTypeUrl } from "./type-urls.ts";

/**
 * The state-of-the-world protocol of one client stream, as a pure state machine: requests, changes and the clock go
 * in, responses to send come out. No I/O here.
 *
 * Rules (xDS protocol, and what stock istiod was seen to do):
 * - The first request of a type on a stream is answered whatever its nonce says: istiod fills it with a clock text.
 * - A request that repeats the nonce of the last response is its ACK, or its NACK if it carries `error_detail`.
 * - Any other request of a known type is stale (late, repeated, reordered) and never causes a response, unless it
 *   changes the requested names under the current nonce.
 * - One response per type is in flight; changes meanwhile are merged into one that follows the ACK.
 * - A version that a client was sent is not sent again on the same stream.
 * - A Sidecar waits for the ServiceEntries that it may name, until those have been sent: a client takes the responses
 *   of a stream in their order.
 * - Types that we don't have are answered empty at once: a booting istiod waits for an answer to every type.
 */

/** A request, reduced to what the protocol looks at. */
export interface SotwRequest {
  readonly typeUrl: string;
  readonly responseNonce: string;
  readonly resourceNames: readonly string[];
  /** `error_detail.message`; present, even if empty, for a NACK. */
  readonly error: string | undefined;
}

/** A response to send: the caller looks up the content (by kind and names) and puts version and nonce into it. */
export interface SotwResponse {
  readonly typeUrl: string;
  /** Undefined: a type that we have nothing of; the response is empty. */
  readonly kind: ResourceKind | undefined;
  readonly version: string;
  /** The names asked for; empty: all. */
  readonly names: readonly string[];
  readonly nonce: string;
}

/** The state of one type. */
interface TypeState extends TypeStatus {
  names: readonly string[];
  sentVersion: string | undefined;
  sentNonce: string;
  sentAtMs: number;
  ackedVersion: string | undefined;
  ackedNonce: string;
  inFlight: boolean;
  lastError: LastError | undefined;
  nacks: number;
}

/** What the state machine asks about the world. */
export interface SotwView {
  /** The version of what this client would be sent now; undefined while nothing may be answered yet. */
  version(kind: ResourceKind): string | undefined;
  /**
   * The nonce of a response with that content. The same content may have the same nonce on all streams, so that all
   * clients can be handed the same bytes; it is never empty.
   */
  nonce(kind: ResourceKind | undefined, version: string): string;
  readonly nowMs: number;
}

/** The version of a type that we have nothing of. */
const emptyVersion = "empty";

export class SotwStream {
  readonly #types = new Map<string, TypeState>();
  readonly #minIntervalMs: number;
  #namedResponses = 0;

  /** `minIntervalMs`: the least time between two responses of one type; 0 for none. */
  constructor(minIntervalMs: number) {
    this.#minIntervalMs = minIntervalMs;
  }

  /** The state per requested type. */
  get types(): ReadonlyMap<string, TypeStatus> {
    return this.#types;
  }

  /** Takes in a request and answers what to send. */
  onRequest(request: SotwRequest, view: SotwView): SotwResponse[] {
    const state = this.#types.get(request.typeUrl);
    if (state === undefined) return this.#subscribe(request, view);
    if (request.responseNonce !== state.sentNonce || request.responseNonce === "") return [];
    this.#acknowledge(state, request);
    if (!sameNames(state.names, request.resourceNames)) {
      state.names = [...request.resourceNames];
      state.sentVersion = undefined;
    }
    return this.onChange(view);
  }

  /** What to send now: after a change, when the gate opens, or when {@link waitMs} is over. Hosts before their users. */
  onChange(view: SotwView): SotwResponse[] {
    const responses: SotwResponse[] = [];
    for (const kind of resourceKinds) {
      for (const state of this.#types.values()) {
        if (state.kind === kind) responses.push(...this.#due(state, view));
      }
    }
    return responses;
  }

  /** How long until a response held back by the minimum interval may go out; undefined if there is none. */
  waitMs(view: SotwView): number | undefined {
    let wait: number | undefined;
    for (const state of this.#types.values()) {
      if (!this.#wants(state, view)) continue;
      // It goes with the ServiceEntries, which wait for an ACK or have a time of their own.
      if (state.kind === "Sidecar" && this.#owesEntries(view)) continue;
      // 0 if the interval has ended since the last look at what may be sent: nobody else will look again.
      const left = Math.max(state.sentAtMs + this.#minIntervalMs - view.nowMs, 0);
      if (wait === undefined || left < wait) wait = left;
    }
    return wait;
  }

  #subscribe(request: SotwRequest, view: SotwView): SotwResponse[] {
    const kind = kindOfTypeUrl(request.typeUrl);
    const state: TypeState = {
      typeUrl: request.typeUrl,
      kind,
      names: [...request.resourceNames],
      sentVersion: undefined,
      sentNonce: "",
      sentAtMs: Number.NEGATIVE_INFINITY,
      ackedVersion: undefined,
      ackedNonce: "",
      inFlight: false,
      lastError: undefined,
      nacks: 0,
    };
    this.#types.set(request.typeUrl, state);
    return kind === undefined ? [this.#send(state, emptyVersion, view)] : this.onChange(view);
  }

  #acknowledge(state: TypeState, request: SotwRequest): void {
    if (!state.inFlight) return;
    state.inFlight = false;
    if (request.error === undefined) {
      state.ackedVersion = state.sentVersion;
      state.ackedNonce = state.sentNonce;
      state.lastError = undefined;
    } else {
      state.lastError = { message: request.error, names: [...mentionedNames(request.error)] };
      state.nacks++;
    }
  }

  #wants(state: TypeState, view: SotwView): boolean {
    if (state.kind === undefined || state.inFlight) return false;
    const version = view.version(state.kind);
    return version !== undefined && version !== state.sentVersion;
  }

  #due(state: TypeState, view: SotwView): SotwResponse[] {
    if (state.kind === undefined || !this.#wants(state, view)) return [];
    if (state.kind === "Sidecar" && this.#owesEntries(view)) return [];
    if (state.sentAtMs + this.#minIntervalMs > view.nowMs) return [];
    const version = view.version(state.kind);
    return version === undefined ? [] : [this.#send(state, version, view)];
  }

  /** True while there are ServiceEntries that the client asked for and wasn't sent: a Sidecar may name one. */
  #owesEntries(view: SotwView): boolean {
    const version = view.version("ServiceEntry");
    return version !== undefined &&
      this.#types.values().some(({ kind, sentVersion }) =>
        kind === "ServiceEntry" && sentVersion !== version
      );
  }

  #send(state: TypeState, version: string, view: SotwView): SotwResponse {
    state.sentVersion = version;
    const nonce = view.nonce(state.kind, version);
    // By name the same content makes different responses, and each needs a nonce of its own.
    state.sentNonce = state.names.length === 0 ? nonce : `${nonce}.${++this.#namedResponses}`;
    state.sentAtMs = view.nowMs;
    state.inFlight = true;
    return { typeUrl: state.typeUrl, kind: state.kind, version, names: state.names, nonce: state.sentNonce };
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
