import type { Manifest } from "../../../shared/model/manifest.ts";
import { addressedHost } from "../../../shared/istio/addressed-host.ts";
import type { Addressed } from "../../../shared/istio/addressed-host.ts";
import type { AddressKeeper } from "./address-keeper.ts";

/** One entry that has virtual addresses, or waits for them. */
interface Addressee {
  readonly host: string;
  /** What was served last, as one text; undefined if nothing was. */
  served: string | undefined;
}

/** What an entry is to be served with. */
export type AddressesOfEntry =
  | { readonly type: "none" }
  | { readonly type: "wait" }
  /** `addresses` is empty if the range is full. */
  | { readonly type: "given"; readonly addresses: readonly string[] };

const none: AddressesOfEntry = { type: "none" };
const wait: AddressesOfEntry = { type: "wait" };

/** Which entry uses which host's virtual addresses. Several entries may have one host: they share its addresses. */
export class EntryAddresses {
  readonly #keeper: AddressKeeper | undefined;
  readonly #addressed: Addressed;
  readonly #bySubject = new Map<string, Addressee>();
  readonly #subjectsByHost = new Map<string, Set<string>>();

  /** Without a keeper no entry gets an address. `onChange` is called with a subject whose addresses changed. */
  constructor(
    keeper: AddressKeeper | undefined,
    addressed: Addressed,
    onChange: (subject: string, addresses: readonly string[]) => void,
  ) {
    this.#keeper = keeper;
    this.#addressed = addressed;
    keeper?.onChange((host) => {
      const addresses = keeper.addressesOf(host);
      if (addresses === undefined) return;
      for (const subject of this.#subjectsByHost.get(host) ?? []) {
        const addressee = this.#bySubject.get(subject);
        if (addressee === undefined || addressee.served === addresses.join()) continue;
        addressee.served = addresses.join();
        onChange(subject, addresses);
      }
    });
  }

  /** Resolves when claims of earlier times are known. */
  async ready(): Promise<void> {
    await this.#keeper?.ready;
  }

  /** True if the subject's served addresses are virtual ones. */
  has(subject: string): boolean {
    return (this.#bySubject.get(subject)?.served ?? "") !== "";
  }

  /** Takes note of what a subject holds now, and answers what to serve it with. */
  assign(subject: string, manifest: Manifest): AddressesOfEntry {
    const host = manifest.kind === "ServiceEntry" && this.#keeper !== undefined
      ? addressedHost(manifest.spec, this.#addressed)
      : undefined;
    const before = this.#bySubject.get(subject);
    if (before?.host !== host) this.forget(subject);
    if (host === undefined || this.#keeper === undefined) return none;
    const addressee = this.#bySubject.get(subject) ?? this.#add(subject, host, this.#keeper);
    const addresses = this.#keeper.addressesOf(host);
    if (addresses === undefined) return wait;
    addressee.served = addresses.join();
    return { type: "given", addresses };
  }

  /** The subject is gone. */
  forget(subject: string): void {
    const addressee = this.#bySubject.get(subject);
    if (addressee === undefined) return;
    const { host } = addressee;
    this.#bySubject.delete(subject);
    const subjects = this.#subjectsByHost.get(host);
    subjects?.delete(subject);
    if (subjects?.size === 0) this.#subjectsByHost.delete(host);
    this.#keeper?.release(host);
  }

  #add(subject: string, host: string, keeper: AddressKeeper): Addressee {
    const addressee: Addressee = { host, served: undefined };
    this.#bySubject.set(subject, addressee);
    const subjects = this.#subjectsByHost.get(host) ?? new Set();
    subjects.add(subject);
    this.#subjectsByHost.set(host, subjects);
    keeper.retain(host);
    return addressee;
  }
}
