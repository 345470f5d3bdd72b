import type { EntryLog, Fence, LogRecord, PublishResult } from "../entry-log/entry-log.ts";
import type { Manifest } from "../model/manifest.ts";
import { handOver, manifestBytes } from "../model/manifest-bytes.ts";
import { MeshError } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import { Turns } from "../runtime/turns.ts";
import type { ChangeTraces } from "./change-traces.ts";
import type { Change } from "./publish-change.ts";
import { SummaryCounts } from "./publish-summary.ts";
import { emptied, manifestHash, readManifest } from "./published-entry.ts";
import type { PublishedState } from "./published-state.ts";
import type { Unit } from "./unit.ts";

/** What the changes of one publish are made for: under another term, or on another stream, they count for nothing. */
export interface PublishBasis {
  readonly fence: Fence | undefined;
  readonly resets: number;
}

/** What became of changes. */
export interface Sent {
  readonly counts: SummaryCounts;
  /** Units with a resource that the log refused for now: to be offered again. */
  readonly refused: ReadonlySet<Unit>;
  /** True if this replica may not publish any more under the term that it knows. */
  readonly fenced: boolean;
}

/** Where and as whom changes are sent. */
export interface ChangeSenderOptions {
  readonly entryLog: EntryLog;
  /** The name of this replica. */
  readonly member: string;
  readonly state: PublishedState;
  /** What a held resource had when its hold began; undefined if it isn't held. */
  readonly heldContent: (subject: string) => Manifest | undefined;
  /** Absent: changes aren't traced. */
  readonly traces?: ChangeTraces | undefined;
  readonly log: Logger;
}

const batchSize = 1000;

/** Sends changes to the log in batches, and takes the results over into what is known of the stream. */
export class ChangeSender {
  readonly #options: ChangeSenderOptions;
  readonly #refusals = new Map<string, string>();

  constructor(options: ChangeSenderOptions) {
    this.#options = options;
  }

  /** Subjects that the log refused at the last attempt, with its reasons. */
  get refusals(): ReadonlyMap<string, string> {
    return this.#refusals;
  }

  /** Sends changes in this order, under the fence for which they were made; in turns of the event loop. */
  async send(
    changes: readonly Change[],
    { fence, resets }: PublishBasis,
    signal: AbortSignal,
  ): Promise<Sent> {
    const { entryLog, member, state, traces, log } = this.#options;
    const counts = new SummaryCounts();
    const refused = new Set<Unit>();
    const turns = new Turns();
    let fenced = false;
    for (let start = 0; start < changes.length && !fenced; start += batchSize) {
      const batch = await this.#complete(changes.slice(start, start + batchSize), turns);
      // Otherwise these would be places on a stream that is gone.
      if (fence === undefined || state.resets !== resets) {
        fenced = true;
        break;
      }
      const spans = batch.map(({ subject, unit }) => traces?.publishing(unit, subject));
      const records = batch.map(({ subject, unit, data }, index): LogRecord => {
        const created = data === null ? state.entries.get(subject)?.creationTimestamp : undefined;
        const traceparent = spans[index]?.traceparent;
        return { subject, data, fence, provenance: { unit, member, created, traceparent } };
      });
      const results = await entryLog.publish(records, signal);
      if (state.resets !== resets) {
        fenced = true;
        break;
      }
      for (const [index, change] of batch.entries()) {
        const result = results[index];
        if (result === undefined) continue;
        spans[index]?.end(result.status === "stored" ? undefined : result.status);
        const outcome = this.#settle(change, result);
        if (outcome === "stored") counts.add(change);
        else if (outcome === "fenced") fenced = true;
        else if (outcome === "refused") refused.add(change.unit);
      }
    }
    if (fenced) log.debug("the replicas of this source have changed, what was on its way is offered again");
    return { counts, refused, fenced };
  }

  /** Those of the changes that have a content, with it. */
  async #complete(changes: readonly Change[], turns: Turns): Promise<CompleteChange[]> {
    const batch: CompleteChange[] = [];
    for (const change of changes) {
      if (turns.isOver) await turns.next();
      const complete = this.#withContent(change);
      if (complete !== undefined) batch.push(complete);
    }
    return batch;
  }

  /** Completes a change: the time of creation, and for an emptied service its last content. Undefined without content. */
  #withContent(change: Change): CompleteChange | undefined {
    const { entryLog, state, heldContent } = this.#options;
    const now = new Date().toISOString();
    const entry = state.entries.get(change.subject);
    let { manifest, hash } = change;
    if (change.what === "emptied") {
      const last = heldContent(change.subject) ?? readManifest(entry?.data ?? new Uint8Array());
      if (last === undefined) return undefined;
      manifest = emptied(last, now);
      hash = manifestHash(manifest);
    }
    if (manifest === undefined) return { ...change, data: null };
    const creationTimestamp = entry?.creationTimestamp ?? state.createdBefore(change.subject) ?? now;
    manifest = { ...manifest, metadata: { ...manifest.metadata, creationTimestamp } };
    const data = manifestBytes(manifest, change.what === "emptied" ? undefined : change.specText);
    if (entryLog.handsOnBytes === true) handOver(manifest, data);
    return { ...change, hash, manifest, data };
  }

  /** Applies the log's result for one change. */
  #settle(change: CompleteChange, result: PublishResult): "stored" | "fenced" | "refused" | "rejected" {
    const { log, state } = this.#options;
    const { subject, manifest, hash, data, unit } = change;
    switch (result.status) {
      case "conflict":
        throw new MeshError("entry-log-unavailable", `The entry log reported a conflict for ${subject}`);
      case "fenced":
        return "fenced";
      case "refused":
        if (this.#refusals.get(subject) !== result.reason) {
          log.error(
            { subject, reason: result.reason },
            "the entry log refuses this resource: its last content stays, it is tried again",
          );
        }
        this.#refusals.set(subject, result.reason);
        return "refused";
      case "rejected":
        log.error(
          { subject, reason: result.reason },
          "the entry log can't store this resource: it is left out, its neighbours are published",
        );
        return "rejected";
      case "stored":
        this.#refusals.delete(subject);
        if (manifest === undefined || data === null) state.deleted(subject, result.sequence);
        else state.stored(subject, result.sequence, manifest, hash, data, unit);
        return "stored";
    }
  }
}

interface CompleteChange extends Change {
  readonly data: Uint8Array | null;
}
