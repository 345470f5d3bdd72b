import type { EntryLog } from "../entry-log/entry-log.ts";
import type { Manifest, SidecarManifest } from "../model/manifest.ts";
import { Turns } from "../runtime/turns.ts";
import { ownerOf } from "./ownership.ts";
import { readManifest } from "./published-entry.ts";
import type { PublishedTerm } from "./published-state.ts";
import type { SourceParts } from "./source-parts.ts";
import type { Unit } from "./unit.ts";

/**
 * Follows a source's part of the stream: what others publish, which term holds, and whether the stream is lost. What the
 * view goes on with (Sidecars, entries of clusters that can't be read) is handed to it.
 */
export class StreamFollower {
  readonly #parts: SourceParts;
  readonly #changed: (unit: Unit) => void;

  /** `changed`: called for each unit of which another publisher wrote. */
  constructor(parts: SourceParts, changed: (unit: Unit) => void) {
    this.#parts = parts;
    this.#changed = changed;
  }

  /** Runs until the signal aborts. `filter`: the source's subjects. */
  async run(entryLog: EntryLog, filter: string, signal: AbortSignal): Promise<void> {
    while (await this.#follow(entryLog, filter, signal) === "outdated") continue;
  }

  async #follow(entryLog: EntryLog, filter: string, signal: AbortSignal): Promise<"outdated" | "ended"> {
    const { state, work, log } = this.#parts;
    for await (const event of entryLog.follow(filter, signal, { leavesOutOwn: true })) {
      const wasCaughtUp = state.caughtUp;
      const applied = state.apply(event);
      switch (applied.type) {
        case "nothing":
          continue;
        case "outdated":
          return "outdated";
        case "reset":
          if (!wasCaughtUp) continue;
          log.warn(
            { reason: applied.reason },
            "the entry log was reset: everything is compared and published again",
          );
          this.#takeTerm(undefined, signal);
          break;
        case "caught-up":
          log.info({ entries: state.size }, "read the published entries back");
          await this.#adoptAll();
          this.#takeTerm(state.term, signal);
          break;
        case "term":
          if (state.caughtUp) this.#takeTerm(applied.term, signal);
          break;
        case "changed":
          if (state.caughtUp) this.#foreignChange(applied.subject, applied.unit);
          break;
      }
      work.call();
    }
    return "ended";
  }

  /** Another publisher wrote: its own share, or ours, which we then offer again. */
  #foreignChange(subject: string, unit: Unit | undefined): void {
    const { share, plan } = this.#parts;
    this.#adopt([subject]);
    if (unit !== undefined) this.#changed(unit);
    if (unit === undefined) plan.compareNow();
    else if (share.owns(unit)) plan.changed(unit, 0, false, true, performance.now());
  }

  /** Under a new term nothing is published before the view shows what other replicas may have published already. */
  #takeTerm(term: PublishedTerm | undefined, signal: AbortSignal): void {
    const { view, view: { shareReader }, share, progress, work } = this.#parts;
    share.apply(term);
    progress.begin(term);
    share.announce();
    if (term === undefined) return;
    shareReader?.follow((unit) => ownerOf(unit, term.members) === share.member);
    if (share.fence === undefined) return;
    const refreshed = () => {
      // What was asked for under an earlier term may come back after what was asked for under this one.
      progress.refreshed(term);
      work.call();
    };
    if (share.othersSeen || shareReader !== undefined) view.refresh(signal).then(refreshed, () => {});
    else refreshed();
  }

  async #adoptAll(): Promise<void> {
    const turns = new Turns();
    const pieceSize = 100;
    const subjects = [...this.#parts.state.entries.keys()];
    for (let start = 0; start < subjects.length; start += pieceSize) {
      if (turns.isOver) await turns.next();
      this.#adopt(subjects.slice(start, start + pieceSize));
    }
  }

  #adopt(subjects: Iterable<string>): void {
    const { state, view, view: { sidecars } } = this.#parts;
    if (sidecars === undefined && view.recall === undefined) return;
    const found: SidecarManifest[] = [];
    const recalled: Manifest[] = [];
    for (const subject of subjects) {
      const entry = state.entries.get(subject);
      const isWanted = entry?.kind === "Sidecar" ? sidecars !== undefined : view.recall !== undefined;
      const manifest = entry !== undefined && isWanted ? readManifest(entry.data) : undefined;
      if (manifest?.kind === "Sidecar") found.push(manifest);
      else if (manifest !== undefined) recalled.push(manifest);
    }
    if (found.length > 0) sidecars?.adopt(found, Date.now());
    if (recalled.length > 0) view.recall?.(recalled);
  }
}
