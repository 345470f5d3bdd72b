import type { Registry } from "prom-client";
import type { Config, ConversionEnvironment } from "../config/mod.ts";
import { whyNothingIsStored } from "../entry-log/entry-log.ts";
import type { EntryLog } from "../entry-log/entry-log.ts";
import type { Bucket } from "../entry-log/open-entry-log.ts";
import { FactJoin } from "../facts/fact-join.ts";
import type { FactsFollower } from "../facts/facts-follower.ts";
import { sourceFilter } from "../model/subject.ts";
import type { Logger } from "../runtime/log.ts";
import type { ServiceContext } from "../runtime/run-service.ts";
import type { Tracing } from "../telemetry/tracing.ts";
import { ChangeTraces } from "./change-traces.ts";
import { CollectorMetrics } from "./collector-metrics.ts";
import { ForwardingSink } from "./forwarding-sink.ts";
import { InvalidRecords } from "./invalid-records.ts";
import { PublishLoop } from "./publish-loop.ts";
import { PublishPlan } from "./publish-plan.ts";
import { PublishedState } from "./published-state.ts";
import { RegistryHealth } from "./registry-health.ts";
import type { ChangeSink, NamedSource, RegistryKind, RegistryView } from "./registry.ts";
import { dryRunIn } from "./dry-run/dry-run.ts";
import type { DryRun } from "./dry-run/dry-run.ts";
import { answerQuestions } from "./trace/question-desk.ts";
import { sourceAnswer } from "./trace/source-answer.ts";
import { SourcePublisher } from "./source-publisher.ts";
import { Settlement } from "./settlement.ts";
import type { SourceParts } from "./source-parts.ts";
import { StreamFollower } from "./stream-follower.ts";
import { TermProgress } from "./term-progress.ts";
import { Vetting } from "./vetting.ts";
import { WorkShare } from "./work-share.ts";
import type { LeaseReport } from "./work-share.ts";
import { WorkSignal } from "./work-signal.ts";

/** Shared by all collectors of a process. */
export interface CollectorEnvironment {
  readonly config: Config;
  readonly environment: ConversionEnvironment;
  readonly entryLog: EntryLog;
  /** Where replicas keep their leases. */
  readonly bucket: Bucket;
  readonly metrics: Registry;
  /** This process among the replicas, see `memberName`. */
  readonly member: string;
  /** Of the program, for people. */
  readonly version: string;
  /** What is known of pods; undefined: none are read. */
  readonly facts?: FactsFollower | undefined;
  /** Records what becomes of changes; absent: nothing does. */
  readonly tracing?: Tracing | undefined;
  /** Where this process serves HTTP, for the hints in its log; undefined before it does. */
  readonly httpUrl: () => string | undefined;
}

/**
 * Keeps the stream equal to one source of a registry: the frame of all collectors. `PublishPlan` decides when, the
 * publisher what, the work share which replica; `PublishLoop` carries it out. This class puts them together, receives
 * the view's changes, and says how the source is.
 */
export class SourceCollector {
  readonly registry: string;
  readonly source: string;
  readonly view: RegistryView;
  readonly publisher: SourcePublisher;
  readonly records: InvalidRecords;
  readonly share: WorkShare;
  readonly #health: RegistryHealth;
  readonly #settlement = new Settlement();
  readonly #entryLog: EntryLog;
  readonly #log: Logger;
  readonly #metrics: CollectorMetrics;
  readonly #state: PublishedState;
  readonly #plan: PublishPlan;
  /** Undefined: no labels of pods are laid over this source's endpoints. */
  readonly #facts: FactJoin | undefined;
  readonly #work = new WorkSignal();
  readonly #progress = new TermProgress();
  /** Undefined: changes aren't traced. */
  readonly #traces: ChangeTraces | undefined;
  readonly #loop: PublishLoop;
  readonly #follower: StreamFollower;
  /** Serves operators' questions. */
  readonly #answering: (signal: AbortSignal) => Promise<void>;

  private constructor(
    kind: RegistryKind,
    source: string,
    parts: {
      readonly view: RegistryView;
      readonly records: InvalidRecords;
      readonly metrics: CollectorMetrics;
      readonly facts: FactJoin | undefined;
      readonly dryRun: DryRun | undefined;
    },
    { config, entryLog, bucket, member, version, tracing, httpUrl }: CollectorEnvironment,
    log: Logger,
  ) {
    if (parts.view.shareReader !== undefined && parts.view.sidecars !== undefined) {
      throw new TypeError(`${kind.title}: Sidecars need a view of the whole registry`);
    }
    this.registry = kind.name;
    this.source = source;
    this.view = parts.view;
    this.records = parts.records;
    this.#health = new RegistryHealth(kind.title, parts.view, () => this.#state.size, log);
    this.#entryLog = entryLog;
    this.#log = log;
    this.#metrics = parts.metrics;
    this.#facts = parts.facts;
    this.#state = new PublishedState(member);
    this.#traces = tracing && new ChangeTraces(tracing, kind.name, source);
    const vetting = new Vetting(config.profile, this.records);
    const { maxShrinkPercent, minEndpoints, holdTime } = config.guard;
    const guard = { maxShrinkPercent, minEndpoints, holdTimeMs: holdTime };
    const names = { registry: kind.name, source };
    this.share = new WorkShare({
      ...names,
      member,
      version,
      entryLog,
      bucket,
      state: this.#state,
      report: () => this.#report(),
      onRelease: (by) => this.#release(by),
      onChange: () => this.#work.call(),
      log,
    });
    this.publisher = new SourcePublisher({
      ...names,
      entryLog,
      state: this.#state,
      share: this.share,
      guard,
      keepEmptyMs: config.retention.emptyServices,
      deletesGone: this.view.deletesGone,
      traces: this.#traces,
      httpUrl,
      log,
    });
    this.#plan = new PublishPlan(this.view.traits, guard, performance.now());
    const all: SourceParts = {
      ...parts,
      vet: (unit, manifests) => vetting.vet(unit, manifests),
      state: this.#state,
      share: this.share,
      publisher: this.publisher,
      plan: this.#plan,
      progress: this.#progress,
      traces: this.#traces,
      work: this.#work,
      log,
    };
    const desk = {
      ...names,
      member,
      bucket,
      log,
      answer: sourceAnswer({ ...names, ...all }),
      dryRun: parts.dryRun,
    };
    this.#answering = (signal) => answerQuestions(desk, signal);
    this.#loop = new PublishLoop(all);
    this.#follower = new StreamFollower(all, (unit) => this.#loop.comparison.changed(unit));
  }

  /**
   * Opens a source; {@link run} follows it.
   * @throws MeshError `configuration` for what the registry can't open.
   */
  static async open<Source>(
    kind: RegistryKind<Source>,
    { name, options }: NamedSource<Source>,
    collectors: CollectorEnvironment,
    context: ServiceContext,
  ): Promise<SourceCollector> {
    const { config, environment } = collectors;
    const label = name === "default" ? kind.name : `${kind.name}/${name}`;
    const log = context.log.child({ registry: label });
    const metrics = new CollectorMetrics(collectors.metrics, label);
    const records = new InvalidRecords(kind.title, metrics.invalidRecords, log);
    const sink = new ForwardingSink();
    const { signal } = context;
    const requested = (success: boolean) => metrics.requested(success);
    const follower = kind.patchesLabels?.(options) === true ? collectors.facts : undefined;
    const facts = follower && new FactJoin(follower, config.k8s.latePodWait);
    const view = context.use(
      await kind.open(options, { config, environment, sink, records, log, facts, requested, signal }),
    );
    const dryRun = kind.dryRunThread &&
      dryRunIn(kind.dryRunThread, { name, running: { config, environment } });
    const parts = { view, records, metrics, facts, dryRun };
    const collector = new SourceCollector(kind, name, parts, collectors, log);
    sink.target = collector.#sink();
    follower?.onChange((addresses) => collector.#factsChanged(addresses));
    metrics.watch({
      isReachable: () => view.error === undefined,
      lastReadMs: () => view.lastReadMs,
      held: () => collector.publisher.held().size,
      unsettled: () => collector.share.unsettled.length,
    });
    return collector;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.view.run(signal),
      this.share.run(signal),
      this.#follower.run(this.#entryLog, sourceFilter(this.registry, this.source), signal),
      this.#loop.run(signal),
      this.#health.run(signal),
      this.#settlement.run(() => this.share.unsettled, this.#log, signal),
      this.#answering(signal),
    ]);
  }

  /** True once everything has been read and published under the current term, and said to be so. */
  get isSettled(): boolean {
    return this.#loop.isSettled;
  }

  /**
   * The reason why the source isn't ready; undefined once it has been read, and this replica has published a share of
   * it. A replica that can't (NATS is away, an account lacks a permission) would otherwise pass for a good successor
   * in a rolling update, which then ends the last replica that can. Losing the share later is only a remark: no other
   * replica becomes better by that.
   */
  get notReady(): string | undefined {
    const unread = this.#health.notReady;
    if (unread !== undefined || this.#progress.hasHadShare) return unread;
    const { connected, detail } = this.#entryLog.status();
    const reason = this.share.problem ?? this.#settlement.remark ??
      (connected ? "the replicas are dividing the work" : detail);
    return `no share of the source published yet: ${reason}`;
  }

  /** A remark for the operator though the source is ready. */
  get remark(): string | undefined {
    const refused = this.publisher.refusals;
    const [first] = refused;
    const { full, stalled } = this.#entryLog.status();
    const room = full === undefined
      ? stalled && `changes are missing: ${stalled}`
      : `the entry log has no room for new messages, changes are missing until it may be larger: ${full}`;
    return this.#health.unreadable ?? room ?? this.share.problem ?? this.#settlement.remark ??
      this.view.remark ??
      this.#health.empty ??
      (first && `the entry log refuses ${refused.size} resources, for example ${first[0]}: ${first[1]}`);
  }

  #sink(): ChangeSink {
    return {
      changed: (unit, endpoints) => {
        const isFirstRead = !this.view.isComplete;
        const isEmpty = endpoints < 0 && this.view.isEmpty(unit);
        this.#plan.changed(unit, endpoints, isEmpty, isFirstRead, performance.now());
        this.#loop.comparison.changed(unit);
        if (isFirstRead) return;
        if (this.share.owns(unit)) this.#traces?.changed(unit);
        this.#work.call();
      },
      readStarted: () => this.records.forget("reading"),
      readEnded: ({ seconds, error, differs }) => {
        this.#metrics.polled(error === undefined, seconds);
        if (differs) this.#loop.outdated();
        if (error === undefined) {
          this.#plan.readEnded(this.view.endpoints, differs || this.publisher.isHolding);
        }
        this.#work.call();
      },
      completed: () => {
        this.#health.completed();
        this.share.announce();
        this.#work.call();
      },
    };
  }

  /** Pods were labelled anew, came or went: entries that hold their addresses are converted again, and no others. */
  #factsChanged(addresses: ReadonlySet<string>): void {
    const { view } = this;
    // Once facts are known, what was converted before them is outdated. It has not been published.
    const units = addresses.size === 0 ? view.units() : this.#facts?.unitsWith(addresses) ?? [];
    for (const unit of units) {
      view.outdate?.(unit);
      this.#loop.comparison.changed(unit);
      if (addresses.size > 0) this.#plan.changed(unit, 0, false, true, performance.now());
    }
    this.#work.call();
  }

  #report(): LeaseReport {
    const unpublished = whyNothingIsStored(this.#entryLog.status());
    return {
      ...this.#health.report(),
      settledTerm: this.#progress.isSettled ? this.share.term?.id ?? "" : "",
      published: this.#state.size,
      held: this.publisher.held().size,
      stuck: [...this.#settlement.stuck],
      ...(unpublished !== undefined && { unpublished }),
    };
  }

  #release(by: string): void {
    const released = this.publisher.releaseHeld();
    this.#log.warn(
      { by, released },
      "held losses were released by hand: what the registry doesn't show is removed now",
    );
    this.#plan.released();
    this.#work.call();
  }
}
