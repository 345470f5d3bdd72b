import { hash } from "node:crypto";
import { decodeApplication } from "./decode.ts";
import type { EurekaApplication } from "./decode.ts";

/** Applications of an answer by the digest of their bytes, for the next answer to be compared with. */
export type RememberedApplications = ReadonlyMap<string, EurekaApplication>;

/**
 * Decodes the applications of one answer. An application whose bytes are those of the last answer is not parsed again:
 * between two complete reads a quiet registry hardly changes, and parsing is most of what a complete read costs.
 */
export class ApplicationDecoder {
  readonly applications: EurekaApplication[] = [];
  /** Records that can't be used, by place. */
  readonly invalidRecords = new Map<string, string>();
  readonly #before: RememberedApplications;
  readonly #remembered = new Map<string, EurekaApplication>();
  #digest = "";

  /** `before` is what the decoder of the last answer {@link remembered}. */
  constructor(before: RememberedApplications) {
    this.#before = before;
  }

  /** The next answer is compared with these. Applications with unusable records are left out: they are reported anew. */
  get remembered(): RememberedApplications {
    return this.#remembered;
  }

  /** True if the application is known from the last answer; it is then taken over as it is. */
  recognise(bytes: Uint8Array): boolean {
    // Against accidents, not attackers: an attacker who may write to the registry needs no collision.
    this.#digest = hash("sha1", bytes, "base64");
    const known = this.#before.get(this.#digest);
    if (known === undefined) return false;
    this.applications.push(known);
    this.#remembered.set(this.#digest, known);
    this.#digest = "";
    return true;
  }

  /** Takes an application that was not recognised, parsed but not yet checked. */
  decode(value: unknown): void {
    const reports = this.invalidRecords.size;
    const application = decodeApplication(value, ({ path, reason }) => this.invalidRecords.set(path, reason));
    if (application === undefined) return;
    this.applications.push(application);
    if (this.#digest !== "" && this.invalidRecords.size === reports) {
      this.#remembered.set(this.#digest, application);
    }
    this.#digest = "";
  }
}
