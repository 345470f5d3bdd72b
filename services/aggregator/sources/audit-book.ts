import { auditTtlMs, readAudit } from "../../../shared/model/audit.ts";
import type { AuditEntry } from "../../../shared/model/audit.ts";

/** So many actions are remembered; the bucket has all of a month. */
const maxEntries = 200;

/** The last actions that were asked for, here or elsewhere, as the bucket of leases tells of them. */
export class AuditBook {
  readonly #entries = new Map<string, AuditEntry>();

  /** Takes in a message of the bucket; what isn't an action that this version knows is left out. */
  take(data: Uint8Array): void {
    const entry = readAudit(data);
    if (entry === undefined) return;
    this.#entries.set(entry.id, entry);
    if (this.#entries.size <= maxEntries) return;
    const oldest = [...this.#entries.values()].reduce((a, b) => a.at <= b.at ? a : b);
    this.#entries.delete(oldest.id);
  }

  /** Those of the last month, the newest first. `nowMs`: milliseconds since 1970. */
  at(nowMs: number): readonly AuditEntry[] {
    return [...this.#entries.values()]
      .filter(({ at }) => nowMs - Date.parse(at) < auditTtlMs)
      .toSorted((a, b) => a.at < b.at ? 1 : -1);
  }
}
