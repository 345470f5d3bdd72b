import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { resourceKinds } from "../../../shared/model/manifest.ts";
import { IncrementalType } from "./incremental-type.ts";
import type { IncrementalContent } from "./incremental-type.ts";
import { confirmedByAll } from "./protocol.ts";
import type { ChangeView, TypeStatus } from "./protocol.ts";
import type { SotwRequest } from "./sotw-stream.ts";
import { kindOfTypeUrl } from "./type-urls.ts";

/**
 * The incremental dialect of the istio-mcp library over `StreamAggregatedResources`, as a pure state machine. Nothing
 * in it is negotiated: a client that expects state of the world would delete nearly everything.
 *
 * Rules (the library, and where we differ from it):
 * - The first response of a type on a stream is complete; the client deletes what it leaves out. Later ones hold what
 *   changed; a resource without body is a deletion.
 * - The nonce is the highest version that the client was sent: a place in the entry log, which sorts as text, also
 *   over streams that were made anew.
 * - A client begins with an empty nonce. Asking for other names, under the last nonce, is beginning anew.
 * - A late, repeated or invented nonce never causes a response. (The library answers it again, which is a storm.)
 * - A nonce is never empty, also of a type without data: an empty one that comes back would look like a beginning.
 */

/** A response to send. */
export interface IncrementalResponse extends IncrementalContent {
  readonly typeUrl: string;
  readonly kind: ResourceKind | undefined;
  readonly nonce: string;
}

export class IncrementalStream {
  readonly #types = new Map<string, IncrementalType>();

  /** The state per requested type. */
  get types(): ReadonlyMap<string, TypeStatus> {
    return this.#types;
  }

  /** True if the client was silent while more changed than is remembered: it has to connect anew. */
  get isLost(): boolean {
    return this.#types.values().some(({ isLost }) => isLost);
  }

  /** The last change of a kind that the client is known to have; undefined: it never asked for the kind. */
  confirmedChange(kind: ResourceKind): number | undefined {
    return confirmedByAll(this.#types.values(), kind);
  }

  /** Takes in a request and answers what to send. */
  onRequest(request: SotwRequest, view: ChangeView): IncrementalResponse[] {
    const { typeUrl, responseNonce, resourceNames, error } = request;
    const type = this.#types.get(typeUrl);
    if (type === undefined) {
      this.#types.set(typeUrl, new IncrementalType(typeUrl, kindOfTypeUrl(typeUrl), resourceNames));
    } else if (responseNonce === "") {
      // Whoever begins anew while an answer is on its way gets that answer.
      if (type.inFlight) return [];
      type.restart(resourceNames);
    } else if (responseNonce === type.sentNonce) {
      type.acknowledge(error);
      if (type.names.join("\0") !== resourceNames.join("\0")) type.restart(resourceNames);
    } else return [];
    return this.onChange(view);
  }

  /** What to send now: after a change, or when the gate opens. Hosts before the Sidecars that name them. */
  onChange(view: ChangeView): IncrementalResponse[] {
    const responses: IncrementalResponse[] = [];
    let owes = false;
    for (const kind of [undefined, ...resourceKinds]) {
      if (owes) break;
      const catalogue = view.catalogue(kind);
      for (const type of this.#types.values()) {
        if (type.kind !== kind) continue;
        const content = type.next(catalogue);
        if (content !== undefined) {
          const nonce = type.sent(content, view.nowMs);
          responses.push({ ...content, typeUrl: type.typeUrl, kind, nonce });
        }
        owes ||= type.owes(catalogue);
      }
    }
    return responses;
  }
}
