import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { DeltaType } from "./delta-type.ts";
import type { DeltaContent, DeltaSubscription } from "./delta-type.ts";
import { confirmedByAll } from "./protocol.ts";
import type { ChangeView, TypeStatus } from "./protocol.ts";
import { deltaKindOf } from "./type-urls.ts";

/**
 * The Delta protocol of one client stream (`DeltaAggregatedResources`), as a pure state machine: requests, changes and
 * the clock go in, responses to send come out. No I/O here.
 *
 * Rules (xDS protocol, "Incremental xDS", and our choices where it leaves one):
 * - State is per type. A type's first request without names, and `*`, subscribe to everything.
 * - A subscribed name is answered, with the resource or with its removal, also if the client has it.
 * - What a client brings in `initial_resource_versions` isn't sent again; versions are content hashes, so that holds
 *   for clients of another replica, too. What it has and we don't is removed.
 * - Subscriptions are honoured whatever the nonce; only the last nonce acknowledges, and any other is ignored.
 * - One response per type is in flight: a large answer comes in parts, the next part after the ACK of the last. What
 *   changes meanwhile follows in one piece.
 * - ServiceEntries go before the Sidecars that may name them, and are removed after those.
 * - A refused resource isn't sent again before a growing wait is over, unless it changes; its neighbours are sent.
 */

/** A request, reduced to what the protocol looks at. */
export interface DeltaRequest extends DeltaSubscription {
  readonly typeUrl: string;
  readonly responseNonce: string;
  /** `error_detail.message`; present, even if empty, for a NACK. */
  readonly error: string | undefined;
}

/** A response to send. */
export interface DeltaResponse extends DeltaContent {
  readonly typeUrl: string;
  readonly kind: ResourceKind | undefined;
  readonly nonce: string;
}

/** What a Delta stream is configured with. */
export interface DeltaLimits {
  /** Resources of one response, at most; a single larger one is sent alone. */
  readonly maxMessageBytes: number;
  readonly nackBackoffMs: number;
}

export class DeltaStream {
  readonly #types = new Map<string, DeltaType>();
  readonly #limits: DeltaLimits;
  readonly #noncePrefix: string;
  #nonces = 0;
  /** The clock at the last look at what may be sent. */
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /** `noncePrefix` tells this stream's nonces from those of others. */
  constructor(limits: DeltaLimits, noncePrefix: string) {
    this.#limits = limits;
    this.#noncePrefix = noncePrefix;
  }

  /** The state per requested type. */
  get types(): ReadonlyMap<string, TypeStatus> {
    return this.#types;
  }

  /** True if the client was silent while more changed than is remembered: it has to connect anew. */
  get isLost(): boolean {
    return this.#types.values().some(({ isLost }) => isLost);
  }

  /** The last change of a kind that the client is known to have; undefined: none, or it never asked for the kind. */
  confirmedChange(kind: ResourceKind): number | undefined {
    return confirmedByAll(this.#types.values(), kind);
  }

  /** Takes in a request and answers what to send. */
  onRequest(request: DeltaRequest, view: ChangeView): DeltaResponse[] {
    const { typeUrl, responseNonce, error } = request;
    const type = this.#types.get(typeUrl);
    if (type === undefined) {
      const { maxMessageBytes, nackBackoffMs } = this.#limits;
      const kind = deltaKindOf(typeUrl);
      this.#types.set(typeUrl, new DeltaType(typeUrl, kind, request, maxMessageBytes, nackBackoffMs));
    } else {
      if (responseNonce !== "") type.acknowledge(responseNonce, error, view.nowMs);
      type.subscribe(request);
    }
    return this.onChange(view);
  }

  /** What to send now: after a change, when the gate opens, or when {@link waitMs} is over. */
  onChange(view: ChangeView): DeltaResponse[] {
    const responses: DeltaResponse[] = [];
    this.#lookedAtMs = view.nowMs;
    const ofKind = (kind: ResourceKind | undefined) =>
      this.#types.values().filter((type) => type.kind === kind).toArray();
    const entries = ofKind("ServiceEntry");
    const sidecars = ofKind("Sidecar");
    const send = (types: readonly DeltaType[], mayRemove: boolean) => {
      for (const type of types) {
        const content = type.next(view.catalogue(type.kind), mayRemove, view.nowMs);
        if (content === undefined) continue;
        const nonce = `${this.#noncePrefix}${++this.#nonces}`;
        type.sent(content, nonce, view.nowMs);
        responses.push({ ...content, typeUrl: type.typeUrl, kind: type.kind, nonce });
      }
    };
    const entriesMayGo = () => !sidecars.some((type) => type.owes(view.catalogue("Sidecar")));
    send(ofKind(undefined), true);
    send(entries, entriesMayGo());
    if (!entries.some((type) => type.owesResources(view.catalogue("ServiceEntry")))) send(sidecars, true);
    send(entries, entriesMayGo());
    return responses;
  }

  /** How long until a refused resource may be sent again; undefined if there is none. */
  waitMs(view: ChangeView): number | undefined {
    let wait: number | undefined;
    for (const { retryAtMs } of this.#types.values()) {
      // What was due at the last look and wasn't sent waits for an ACK or the gate, not for the clock. What has become
      // due since then is nobody's but ours.
      if (retryAtMs === undefined || retryAtMs <= this.#lookedAtMs) continue;
      const left = Math.max(retryAtMs - view.nowMs, 0);
      if (wait === undefined || left < wait) wait = left;
    }
    return wait;
  }
}
