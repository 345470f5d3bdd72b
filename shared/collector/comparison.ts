import { Turns } from "../runtime/turns.ts";
import type { PlanStep } from "./publish-plan.ts";
import type { PublishSummary } from "./publish-summary.ts";
import { RegistrySnapshot } from "./registry-snapshot.ts";
import { settleStep } from "./settle-step.ts";
import type { SidecarPublisher } from "./sidecar-publisher.ts";
import { isReadHere } from "./source-parts.ts";
import type { SourceParts } from "./source-parts.ts";
import type { Unit } from "./unit.ts";

/** After so many attempts that a read disturbed, everything is converted in one turn, which nothing can disturb. */
const patience = 3;

/** Compares a source's whole registry with the whole stream, and publishes the difference. */
export class Comparison {
  readonly #parts: SourceParts;
  readonly #sidecars: SidecarPublisher;
  /** While everything is being converted. */
  #snapshot: RegistrySnapshot | undefined;
  #disturbed = 0;
  #hasCompared = false;
  #told: { readonly term: string | undefined; readonly held: number } | undefined;

  constructor(parts: SourceParts, sidecars: SidecarPublisher) {
    this.#parts = parts;
    this.#sidecars = sidecars;
  }

  /** A unit changed: where it was converted already it is converted again. */
  changed(unit: Unit): void {
    this.#snapshot?.changed(unit);
  }

  /** What was converted so far is of no use: a read showed differences that nothing names. */
  outdated(): void {
    this.#snapshot?.outdated();
  }

  /** Carries out one comparison; where a read or a new term disturbs it, the plan is asked for another one. */
  async compare(step: PlanStep, signal: AbortSignal): Promise<void> {
    const { view, share, publisher, facts, plan: publishPlan, progress, records, traces, vet } = this.#parts;
    const { term } = share;
    // What was converted ahead has reported already.
    if (this.#hasCompared) records.forget("conversion");
    this.#hasCompared = true;
    const isRead = view.shareReader && ((unit: Unit) => isReadHere(this.#parts, unit));
    const keptMissing = this.#keepsMissing;
    const turns = new Turns(this.#disturbed < patience ? undefined : Number.POSITIVE_INFINITY);
    await this.#readForeign(turns);
    const snapshot = new RegistrySnapshot({
      view,
      vet,
      prepare: (offer) => publisher.prepare(offer),
      isRead: isRead ?? (() => true),
      isOver: () => share.term !== term || view.isReading || signal.aborted,
    });
    this.#snapshot = snapshot;
    await snapshot.convert(turns);
    this.#snapshot = undefined;
    // From here to the guard's review nothing may change: it is one turn.
    const offers = snapshot.complete();
    if (offers === undefined) {
      this.#disturbed++;
      publishPlan.compareNow();
      return;
    }
    this.#disturbed = 0;
    const hasReadAll = view.isPartial !== true && !this.#hasUnread();
    facts?.allPublished();
    const isMassLoss = publishPlan.isMassLoss(view.endpoints, performance.now());
    const keepsMissing = keptMissing || this.#keepsMissing;
    const waiting = view.isUnsettled === true ? "all" : view.isYoung === true ? "large" : "none";
    const published = await publisher.publishAll(offers, keepsMissing, signal, {
      isRead,
      isMassLoss,
      waiting,
    });
    settleStep(this.#parts, step, [], published);
    if (published.fenced) return;
    const sidecars = await this.#sidecars.compare(step, term, signal);
    if (sidecars === undefined) return;
    this.#logSummary({ ...published.summary, ...sidecars }, term?.id);
    progress.compared(term, hasReadAll);
    traces?.doneAll();
    share.announce();
  }

  /** True while what is missing may exist. */
  get #keepsMissing(): boolean {
    const { view } = this.#parts;
    return view.keepsLastEndpoints || view.isUnsure || view.error !== undefined;
  }

  /** What other replicas published may lie unread, see `UnreadEntry`: the guard asks for all of it in one turn. */
  async #readForeign(turns: Turns): Promise<void> {
    for (const entry of this.#parts.state.unread()) {
      if (turns.isOver) await turns.next();
      entry.read();
    }
  }

  /** True if a unit of the share hasn't been read yet. */
  #hasUnread(): boolean {
    const { share, view, view: { shareReader } } = this.#parts;
    if (shareReader === undefined) return false;
    for (const unit of view.units()) if (share.owns(unit) && !shareReader.knows(unit)) return true;
    return false;
  }

  /** While losses are held a comparison follows the other: one that finds nothing new is no line of the log. */
  #logSummary(summary: PublishSummary, term: string | undefined): void {
    const { created, updated, emptied, deleted, sidecars, held } = summary;
    const changed = created + updated + emptied + deleted > 0 || sidecars !== undefined;
    const isNews = changed || term !== this.#told?.term || held !== this.#told?.held;
    this.#told = { term, held };
    this.#parts.log[isNews ? "info" : "debug"](summary, "compared everything with the stream");
  }
}
