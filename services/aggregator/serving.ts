import type { Violation } from "../../shared/istio/mod.ts";
import { decodeSubject } from "../../shared/model/subject.ts";
import type { Logger } from "../../shared/runtime/log.ts";
import type { Addressed } from "../../shared/virtual-addresses/addressed-host.ts";
import type { ResourceCache } from "./cache.ts";
import { isResourceKind } from "./cache.ts";
import { HeldEntries } from "./held-entries.ts";
import { encodePrepared, manifestOf } from "./present.ts";
import type { PreparedResource } from "./present.ts";
import type { AddressKeeper } from "./virtual-addresses/address-keeper.ts";
import { EntryAddresses } from "./virtual-addresses/entry-addresses.ts";

export interface ServingOptions {
  readonly cache: ResourceCache;
  readonly log: Logger;
  /** Who has which virtual address, and who is given one; without it, nobody is. */
  readonly addresses?: { readonly keeper: AddressKeeper; readonly addressed: Addressed } | undefined;
  /** Called after a change that no message of the log caused. */
  readonly onChange: () => void;
}

/** A message on the stream that is not served as it is. */
export interface Rejection {
  readonly violations: readonly Violation[];
  /** What clients get in its place. */
  readonly serving: "nothing" | "the last good version" | "it all the same";
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
 * it has: a client that saw it without first would be told everything twice. Its neighbours are not held up.
 */
export class Serving {
  readonly #options: ServingOptions;
  readonly #addresses: EntryAddresses;
  readonly #held = new HeldEntries<PreparedResource>();
  readonly #rejections = new Map<string, Rejection>();

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

  get heldSubjects(): Iterable<string> {
    return this.#held.subjects;
  }

  /** True if an entry of the subject waits. */
  holds(subject: string): boolean {
    return this.#held.has(subject);
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

  /** Takes note of what is wrong with a subject's newest message, before it is presented if it is `usable`. */
  judge(subject: string, violations: readonly Violation[], usable: boolean): void {
    if (violations.length === 0) {
      this.#rejections.delete(subject);
      return;
    }
    const serving = usable ? "it all the same" : this.#isKnown(subject) ? "the last good version" : "nothing";
    this.#reject(subject, { violations, serving });
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
    this.#addresses.forget(subject);
    const kind = decodeSubject(subject)?.kind;
    if (kind !== undefined && isResourceKind(kind)) this.#options.cache.delete(kind, subject, cursor);
    this.#held.done(subject);
  }

  #isKnown(subject: string): boolean {
    if (this.#held.has(subject)) return true;
    const kind = decodeSubject(subject)?.kind;
    return kind !== undefined && isResourceKind(kind) &&
      this.#options.cache.stored(kind, subject) !== undefined;
  }

  #reject(subject: string, rejection: Rejection): void {
    const { violations, serving } = rejection;
    this.#rejections.set(subject, rejection);
    this.#options.log.warn(
      { subject, serving, violations: violations.slice(0, 3) },
      "resource breaks Istio's rules",
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
