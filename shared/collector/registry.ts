import type { Hono } from "hono";
import type { Config, ConversionEnvironment } from "../config/mod.ts";
import type { FactJoin } from "../facts/fact-join.ts";
import type { Manifest, SidecarManifest } from "../model/manifest.ts";
import type { TraceQuestion } from "../model/trace-question.ts";
import type { Logger } from "../runtime/log.ts";
import type { Steps } from "../runtime/turns.ts";
import type { CollectorStatus } from "./collector-status.ts";
import type { InvalidRecords } from "./invalid-records.ts";
import type { PlanTraits } from "./publish-plan.ts";
import type { FoundRecord } from "./trace/found-record.ts";
import type { Unit } from "./unit.ts";

/**
 * A registry's part of the collectors' frame: a client, a view of what the registry has, a pure conversion, its
 * status and routes. When something is compared, published, retried or held is the frame's business alone
 * (`publish-plan.ts`, `source-publisher.ts`), and so is which replica publishes what (`work-share.ts`).
 */
export interface RegistryKind<Source = unknown> {
  /** The token on the stream and in paths. */
  readonly name: "eureka" | "nacos" | "zookeeper" | "kubernetes" | "files";
  /** The name for people. */
  readonly title: string;
  /** The name of the collector's service. */
  readonly service: string;
  /** One sentence for `--help`. */
  readonly purpose: string;
  /** Where the collector serves HTTP unless told otherwise: all services run on one machine as they are. */
  readonly httpAddress: string;
  /** The key of the configuration, for messages. */
  readonly configKey: string;
  /** The enabled sources of this registry. */
  sourcesOf(config: Config): readonly NamedSource<Source>[];
  /** True if labels of pods are laid over a source's endpoints (`labelPatch`). Absent: never. */
  patchesLabels?(source: Source): boolean;
  /**
   * Opens a view that isn't followed yet.
   * @throws MeshError `configuration` for what can't be opened at all (a file that can't be read, a missing driver).
   */
  open(source: Source, context: SourceContext): Promise<RegistryView>;
  /** A module that calls `serveDryRun`, for threads that convert pasted answers. Absent: there are no dry runs. */
  readonly dryRunThread?: URL;
}

/** One configured connection to a registry; its name is a token on the stream. */
export interface NamedSource<Source> {
  readonly name: string;
  readonly options: Source;
}

/** The frame's services for a view. */
export interface SourceContext {
  readonly config: Config;
  readonly environment: ConversionEnvironment;
  /** Receives the changes of the view. */
  readonly sink: ChangeSink;
  /** Receives unusable records. */
  readonly records: InvalidRecords;
  readonly log: Logger;
  /** Pods at addresses, to be asked at each conversion; undefined: the source doesn't patch labels, or no pods are read. */
  readonly facts?: FactJoin | undefined;
  /** Is called after each request to the registry with its outcome, for the metrics. */
  readonly requested: (success: boolean) => void;
  /** Ends all requests to the registry. */
  readonly signal: AbortSignal;
}

/** Receives a view's changes, synchronously and in the registry's order. */
export interface ChangeSink {
  /** The registry named it, which is evidence. `endpoints` came (above 0) or went (below 0). */
  changed(unit: Unit, endpoints: number): void;
  /** A complete read began: until it has ended, what is missing may only be half of the picture. */
  readStarted(): void;
  /** A complete read ended. `differs`: it showed differences that nothing named; they are compared as a whole. */
  readEnded(read: { readonly seconds: number; readonly error?: string; readonly differs: boolean }): void;
  /** {@link RegistryView.isComplete} may have become true. */
  completed(): void;
}

/**
 * The registry, as one replica sees it: the whole, or (with {@link RegistryView.shareReader}) the names of all units
 * and the content of those that the replica owns.
 */
export interface RegistryView extends AsyncDisposable {
  /** Follows the registry until the signal aborts. Failures of the registry are retried and shown in {@link error}. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Settles when the view shows at least what the registry had when this was called; tries until then.
   * @throws MeshError `registry-unavailable` when the signal aborts.
   */
  refresh(signal: AbortSignal): Promise<void>;
  /** When to do what, as far as registries differ. */
  readonly traits: PlanTraits;
  /** True once everything has been read, as far as it can be known. */
  readonly isComplete: boolean;
  /** True while everything is being read again. */
  readonly isReading: boolean;
  /** Why the registry, or a part of it, can't be read now; undefined if it can. */
  readonly error: string | undefined;
  /** When the registry was last read well, in milliseconds of `performance.now()`; undefined: never. */
  readonly lastReadMs: number | undefined;
  /** True while a service that seems missing may exist, because it isn't known yet what an application offers. */
  readonly isUnsure: boolean;
  /**
   * True while instances may have yet to register at a server that was just started: what a comparison finds missing
   * stays for so long, beside what is there. Once it is over the view reports a read that `differs`. Absent: never.
   */
  readonly isUnsettled?: boolean;
  /**
   * True while nothing shows whether the server was started just before our first connection to it. A resource that a
   * comparison finds at least half gone keeps its endpoints for so long, beside what is there. Once it is over the view
   * reports a read that `differs`. Absent: never.
   */
  readonly isYoung?: boolean;
  /**
   * True while a part of the registry (one of its clusters) has never been read, although {@link isComplete} is true, so
   * that the others needn't wait. There is no new sync marker meanwhile: it would say that this is all there is.
   */
  readonly isPartial?: boolean;
  /** A service that lost its last endpoint keeps it (`enableEmptyProtection`). */
  readonly keepsLastEndpoints: boolean;
  /**
   * A resource that the registry lost is deleted at once, whatever its kind. Absent: a ServiceEntry is published without
   * endpoints first.
   */
  readonly deletesGone?: boolean;
  /** Instances that the registry has, as far as this replica reads it: the measure of a loss. */
  readonly endpoints: number;
  /** Why the registry may have no instance at all, for a person who expected some. */
  readonly emptyHint: string;
  /** All units. No I/O, no clock. */
  units(): Iterable<Unit>;
  /** True if the registry has no instance of the unit. */
  isEmpty(unit: Unit): boolean;
  /** Called on every replica for every change, before {@link convert}: what depends on all units is kept up to date. */
  observe(unit: Unit): void;
  /** What is known of pods at a unit's addresses has changed: what was converted ahead is outdated. */
  outdate?(unit: Unit): void;
  /** The resources of a unit; none if it is gone. Asked of the replica that owns the unit, and by comparisons. */
  convert(unit: Unit): readonly Manifest[];
  /**
   * Takes over entries that are on the stream: found there at the start, or published by another replica. For views that
   * can go on without a part of the registry and must not lose what was published of it.
   */
  recall?(manifests: Iterable<Manifest>): void;
  /** Something that an operator should know although the registry can be read; undefined: nothing. */
  readonly remark?: string | undefined;
  /** Reads only what this replica owns; undefined: each replica reads everything. */
  readonly shareReader?: ShareReader | undefined;
  /**
   * Sidecars that follow the entries which they name; undefined if the registry has none. Not together with
   * {@link shareReader}: a Sidecar is made of calls that stand in units of all replicas.
   */
  readonly sidecars?: SidecarStage | undefined;
  /** Looks again at what could not be found out, about once a minute. */
  retry?(): void;
  status(): CollectorStatus;
  /**
   * The records that fit a question of an operator, used or not, at most `limit` of them. No I/O. Absent: the names of
   * units and what is published have to do.
   */
  find?(question: TraceQuestion, limit: number): Iterable<FoundRecord>;
  /** Further routes of the debug API. */
  readonly routes?: Hono | undefined;
}

/**
 * For a registry in which each unit that is read costs something (a subscription, a request): every replica knows the
 * names of all units (`units()`, complete once `isComplete` is true), and reads only those that it owns. What isn't
 * read counts as unknown, never as empty: it is neither converted nor compared, and nothing is taken from it.
 *
 * What a replica reads of a unit for the first time is no change that the registry named: a comparison follows, because
 * `refresh` settles or because the view reports a read that `differs`.
 */
export interface ShareReader {
  /**
   * From now on this replica reads the units for which `owns` is true, and lets go of the others. Called under each new
   * term, before `refresh`, which then settles when these units have been read, or can't be read now. `owns` costs
   * little, holds for units that come later, too, and changes its answers only before the next call.
   */
  follow(owns: (unit: Unit) => boolean): void;
  /**
   * True if `convert` shows what the registry has of the unit: it has been read since this replica owns it, or a
   * complete list of the registry lacks it. While a unit of the share is unknown there is no sync marker; once it is
   * known the view reports a read that `differs`.
   */
  knows(unit: Unit): boolean;
}

/** What is to be published of a source's Sidecars. */
export interface SidecarPlan {
  /** Sidecars that differ from what is known to be published. Each one is made when it is asked for. */
  readonly upserts: Iterable<SidecarManifest>;
  /** Sidecars to delete: their applications have been gone for long enough. */
  readonly gone: readonly { readonly kind: "Sidecar"; readonly namespace: string; readonly name: string }[];
}

/** Resources that are published after the entries, at times of their own. The clock is passed in, milliseconds since 1970. */
export interface SidecarStage {
  /** The unit of a Sidecar. */
  unitOf(name: string): Unit;
  /** Takes over what is on the stream: found there, or published by another replica. */
  adopt(manifests: Iterable<SidecarManifest>, nowMs: number): void;
  /** How long until something may have to be published; undefined: until something changes. */
  dueInMs(nowMs: number, mayRemove: boolean): number | undefined;
  /**
   * Finds out what to publish now, in steps: there may be tens of thousands of Sidecars. `mayRemove` is asked at each
   * step; while it is false no Sidecar loses a host. Plans must not overlap.
   */
  plan(nowMs: number, mayRemove: () => boolean): Steps<SidecarPlan>;
  /** To be called when a plan was published. `refused`: units that the log refused, which the next plan has again. */
  settle(plan: SidecarPlan, refused: ReadonlySet<Unit>): void;
  /** All Sidecars, as of the last plan. */
  manifests(): Iterable<SidecarManifest>;
}
