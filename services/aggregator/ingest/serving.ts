import type { Violation } from "../../../shared/istio/mod.ts";
import { decodeSubject } from "../../../shared/model/subject.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { Addressed } from "../../../shared/istio/addressed-host.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import { isResourceKind, resourceKinds } from "../../../shared/model/manifest.ts";
import type { Manifest } from "../../../shared/model/manifest.ts";
import type { ServedResource } from "./doubts.ts";
import { HeldEntries } from "./held-entries.ts";
import { LastGoodVersions } from "./last-good.ts";
import { encodePrepared, manifestOf } from "../output-stage/present.ts";
import type { PreparedResource } from "../output-stage/present.ts";
import type { AddressKeeper } from "../virtual-addresses/address-keeper.ts";
import { EntryAddresses } from "../virtual-addresses/entry-addresses.ts";

export interface ServingOptions {
  readonly cache: ResourceCache;
  readonly log: Logger;
  /** Who has which virtual address, and who is given one; without it, nobody is. */
  readonly addresses?: { readonly keeper: AddressKeeper; readonly addressed: Addressed } | undefined;
  /** Called after a change that no message of the log caused. */
  readonly onChange: () => void;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
}

/** A message on the stream that is not served as it is. */
export interface Rejection {
  readonly violations: readonly Violation[];
  /** What clients get in its place. */
  readonly serving: "nothing" | "the last good version" | "it all the same" | "it without these endpoints";
  /** RFC 3339; set while the last good version is served: until then its owner has to publish a good one. */
  readonly until?: string;
}

const rangeIsFull: Violation = {
  rule: "S5",
  severity: "warning",
  path: "spec.addresses",
  message:
    "no virtual address is left for its host: enlarge the range in virtualAddresses, or set releaseAfter lower",
};

/**
 * Puts resources into the cache, each with its virtual addresses. An entry whose host has none yet is held back until
 * it has: a client that first saw the entry without an address would be sent it a second time with one. Other
 * entries don't wait.
 */
export class Serving {
  readonly #options: ServingOptions;
  readonly #addresses: EntryAddresses;
  readonly #held = new HeldEntries<PreparedResource>();
  readonly #lastGood = new LastGoodVersions();
  readonly #rejections = new Map<string, Rejection>();
  readonly #notKnownKinds = new Set<string>();

  constructor(options: ServingOptions) {
    this.#options = options;
    const { keeper, addressed = "none" } = options.addresses ?? {};
    this.#addresses = new EntryAddresses(
      keeper,
      addressed,
      (subject, addresses) => this.#addressed(subject, addresses),
    );
  }

  /** Messages that are not served as they are, by subject. */
  get rejections(): ReadonlyMap<string, Rejection> {
    return this.#rejections;
  }

  /** How many entries wait for a virtual address. */
  get held(): number {
    return this.#held.size;
  }

  /** What waits for a virtual address, by subject. */
  get waiting(): readonly (readonly [string, Manifest])[] {
    return [...this.#held.subjects].flatMap((subject) => {
      const manifest = this.#held.get(subject)?.manifest;
      return manifest === undefined ? [] : [[subject, manifest] as const];
    });
  }

  /** All that is served, or waits for an address only. */
  *resources(): Iterable<ServedResource> {
    for (const kind of resourceKinds) yield* this.#options.cache.allStored(kind);
    for (const subject of this.#held.subjects) yield { subject, endpoints: this.endpointsOf(subject) };
  }

  /** The endpoints that are served of a subject, or wait for its address. */
  endpointsOf(subject: string): number {
    const waiting = this.#held.get(subject)?.manifest;
    if (waiting?.kind === "ServiceEntry") return waiting.spec.endpoints?.length ?? 0;
    const kind = decodeSubject(subject)?.kind;
    if (kind === undefined || !isResourceKind(kind)) return 0;
    return this.#options.cache.stored(kind, subject)?.endpoints ?? 0;
  }

  /** True if the subject is served, or waits for its address only. */
  has(subject: string): boolean {
    if (this.#held.has(subject)) return true;
    const kind = decodeSubject(subject)?.kind;
    return kind !== undefined && isResourceKind(kind) &&
      this.#options.cache.stored(kind, subject) !== undefined;
  }

  /** True if the subject is served with virtual addresses. */
  isVirtual(subject: string): boolean {
    return this.#addresses.has(subject);
  }

  /** Resolves when the virtual addresses of earlier times are known. */
  async ready(): Promise<void> {
    await this.#addresses.ready();
  }

  /** Calls back when all that is held now is served or void; at once if nothing is held. */
  afterThese(action: () => void): void {
    this.#held.afterThese(action);
  }

  /** Remembers what is wrong with a subject's newest message, before it is presented if it is `usable`. */
  judge(subject: string, violations: readonly Violation[], usable: boolean): void {
    if (usable) this.#lastGood.end(subject);
    if (violations.length === 0) this.#rejections.delete(subject);
    else if (usable) {
      const isRepaired = violations.every(({ rule }) => rule === "E1");
      this.#reject(subject, {
        violations,
        serving: isRepaired ? "it without these endpoints" : "it all the same",
      });
    } else if (this.has(subject)) {
      const nowMs = this.#options.now();
      const leftMs = this.#lastGood.begin(subject, nowMs) - nowMs;
      const until = new Date(Date.now() + leftMs).toISOString();
      this.#reject(subject, { violations, serving: "the last good version", until });
    } else this.#reject(subject, { violations, serving: "nothing" });
  }

  /** A message of a kind that only a newer version knows. It stays on the stream; the log names each kind once. */
  notKnown(subject: string, kind: string): void {
    const message = `${kind} is a kind that this version doesn't know; a newer one serves it`;
    this.#rejections.set(subject, {
      violations: [{ rule: "M1", severity: "error", path: "kind", message }],
      serving: "nothing",
    });
    if (this.#notKnownKinds.has(kind)) return;
    this.#notKnownKinds.add(kind);
    this.#options.log.warn(
      { kind, subject },
      "the stream has messages of a kind that this version doesn't know; they stay there, and clients get none of them until the aggregator is updated",
    );
  }

  /**
   * The log is read anew, so it shows unusable messages again, if it still has them. Until then a last good version is
   * served without an end: nothing says that it was replaced.
   */
  forgetUnusable(): void {
    for (const [subject, { serving }] of this.#rejections) {
      if (serving === "nothing" || serving === "the last good version") this.#rejections.delete(subject);
    }
    this.#lastGood.clear();
  }

  /** Gives up last good versions whose time is over. `cursor` is the place in the log now. */
  expireLastGood(cursor: string): void {
    for (const subject of this.#lastGood.expire(this.#options.now())) {
      const violations = this.#rejections.get(subject)?.violations ?? [];
      this.remove(subject, cursor);
      this.#reject(subject, { violations, serving: "nothing" });
    }
  }

  /** Serves the resource, once its addresses are known. */
  present(prepared: PreparedResource): void {
    const { subject, manifest } = prepared;
    const assigned = this.#addresses.assign(subject, manifest);
    if (assigned.type === "wait") this.#held.hold(subject, prepared);
    else if (assigned.type === "none") this.#serve(prepared, undefined);
    else this.#serve(prepared, assigned.addresses);
  }

  /** The subject is gone since that place in the log. */
  remove(subject: string, cursor: string): void {
    this.#rejections.delete(subject);
    this.#lastGood.end(subject);
    this.#addresses.forget(subject);
    const kind = decodeSubject(subject)?.kind;
    if (kind !== undefined && isResourceKind(kind)) this.#options.cache.delete(kind, subject, cursor);
    this.#held.done(subject);
  }

  #reject(subject: string, rejection: Rejection): void {
    const { violations, serving, until } = rejection;
    this.#rejections.set(subject, rejection);
    const next = until === undefined
      ? "its owner has to publish it anew"
      : `until ${until}, unless its owner publishes it anew`;
    this.#options.log.warn(
      { subject, violations: violations.slice(0, 3) },
      `the message on the stream can't be served as it is; clients get ${serving}, ${next}`,
    );
  }

  /** `addresses` is undefined for what is given none on purpose. */
  #serve(prepared: PreparedResource, addresses: readonly string[] | undefined): void {
    const { subject, manifest } = prepared;
    this.#options.cache.put(manifest.kind, encodePrepared(prepared, addresses));
    if (addresses?.length === 0) {
      this.#reject(subject, { violations: [rangeIsFull], serving: "it all the same" });
    }
    this.#held.done(subject);
  }

  /** The addresses of a subject are known now, or are others. */
  #addressed(subject: string, addresses: readonly string[]): void {
    this.#options.onChange();
    const held = this.#held.get(subject);
    if (held !== undefined) return this.#serve(held, addresses);
    const served = this.#options.cache.stored("ServiceEntry", subject);
    const manifest = served && manifestOf("ServiceEntry", served.framed, true);
    if (served === undefined || manifest === undefined) return;
    if (this.#rejections.get(subject)?.violations[0] === rangeIsFull) this.#rejections.delete(subject);
    const { registry, source, cursor } = served;
    this.#serve({ subject, registry, source, cursor, manifest }, addresses);
  }
}
