import { randomUUID } from "node:crypto";
import { whyNothingIsStored } from "../../../shared/entry-log/entry-log.ts";
import type { LogEvent } from "../../../shared/entry-log/entry-log.ts";
import type { Bucket } from "../../../shared/entry-log/open-entry-log.ts";
import {
  leaseSubject,
  readLease,
  readReleaseRequest,
  releaseSubject,
} from "../../../shared/model/collector-lease.ts";
import type { ReleaseRequest } from "../../../shared/model/collector-lease.ts";
import { auditRecord, isAuditSubject } from "../../../shared/model/audit.ts";
import type { AuditEntry } from "../../../shared/model/audit.ts";
import type { DryRunQuestion, DryRunResult } from "../../../shared/model/dry-run.ts";
import { isTraceSubject } from "../../../shared/model/trace-question.ts";
import type { CollectorAnswer, CollectorQuestion } from "../../../shared/model/trace-question.ts";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { SourceName } from "../ingest/doubts.ts";
import { shardsPrefix } from "../xds/served-shards.ts";
import { AuditBook } from "./audit-book.ts";
import { CollectorBook } from "./collector-book.ts";
import { CollectorQuestions } from "./collector-questions.ts";
import { RoomProbe } from "./room-probe.ts";
import type { CollectorChange, KnownCollector } from "./collector-book.ts";

export interface CollectorWatchOptions {
  readonly collectors: Bucket;
  readonly log: Logger;
  /** The sources that may be asked to release what they hold. */
  readonly sources: () => Iterable<SourceName>;
  /** Ends what this aggregator holds of a source. Returns how many resources that were. */
  readonly release: (source: SourceName, by: string) => number;
  /** A monotonic clock, in milliseconds. */
  readonly now?: () => number;
}

/** How often leases are looked at, in milliseconds. */
const tickMs = 500;

/** How long a release request may take until it is stored, in milliseconds. */
const requestTimeoutMs = 5000;

/** Follows the bucket of the collectors: their signs of life, and requests to release what is held. */
export class CollectorWatch {
  readonly #options: CollectorWatchOptions;
  readonly #book = new CollectorBook();
  readonly #questions: CollectorQuestions;
  readonly #probe: RoomProbe;
  readonly #audit = new AuditBook();
  readonly #now: () => number;
  /** Requests that were seen: none is applied twice. */
  readonly #requests = new Set<string>();
  /** Since when the bucket has been read to its end; undefined before. */
  #caughtUpMs: number | undefined;

  constructor(options: CollectorWatchOptions) {
    this.#options = options;
    this.#questions = new CollectorQuestions(options.collectors);
    this.#now = options.now ?? (() => performance.now());
    this.#probe = new RoomProbe(options.collectors, this.#now);
  }

  /** The collectors of a source: live ones first. */
  of({ registry, source }: SourceName): readonly KnownCollector[] {
    return this.#book.of(registry, source);
  }

  /** The sources that have, or had, a collector. */
  get sources(): readonly SourceName[] {
    return this.#book.sources;
  }

  /** The last actions that any aggregator or collector was asked for, the newest first. */
  get actions(): readonly AuditEntry[] {
    return this.#audit.at(Date.now());
  }

  /** How long ago a collector gave its last sign, in milliseconds. */
  ageMs({ lastSignMs }: KnownCollector): number {
    return Math.max(0, this.#now() - lastSignMs);
  }

  /** How long collectors could have given a sign, in milliseconds; undefined while the bucket can't be read. */
  get listeningMs(): number | undefined {
    if (this.#caughtUpMs === undefined || !this.#canBeRead) return undefined;
    return this.#now() - this.#caughtUpMs;
  }

  /** Why nothing can be stored in the bucket, signs of life neither; undefined as far as is known. */
  get unstored(): string | undefined {
    return whyNothingIsStored(this.#options.collectors.bucket.status());
  }

  /** Follows the bucket until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { bucket, root } = this.#options.collectors;
    const timer = setInterval(() => {
      this.tick();
      this.#probe.tick(this.#toProbe, signal);
    }, tickMs);
    try {
      for await (const event of bucket.follow(`${root}.>`, signal)) this.#handle(event);
    } finally {
      clearInterval(timer);
    }
  }

  /** Looks for leases that were not renewed. */
  tick(): void {
    this.#tell(this.#book.tick(this.#now(), this.#canBeRead));
  }

  /**
   * Asks all that hold something of a source, this aggregator too, to let it go. Returns how many resources this
   * aggregator held.
   * @throws MeshError `entry-log-unavailable` if the request could not be stored; nothing has been released then.
   */
  async requestRelease(source: SourceName, by: string): Promise<number> {
    const { collectors: { bucket, root }, release, log } = this.#options;
    const request: ReleaseRequest = { id: randomUUID(), by, at: new Date().toISOString() };
    const subject = releaseSubject(root, source.registry, source.source);
    this.#requests.add(request.id);
    const record = { subject, data: Buffer.from(JSON.stringify(request)) };
    const [result] = await bucket.publish([record], AbortSignal.timeout(requestTimeoutMs));
    if (result?.status !== "stored") {
      const reason = result !== undefined && "reason" in result ? result.reason : result?.status;
      throw new MeshError("entry-log-unavailable", `The request to release was not stored: ${reason}`);
    }
    const held = this.of(source).filter(({ status }) => status === "live")
      .reduce((sum, { lease }) => sum + lease.held, 0);
    const released = release(source, by);
    log.warn(
      { ...source, by, released, heldByCollectors: held },
      `${by} asked to let go what is held of ${source.registry}: all collectors and aggregators are told`,
    );
    const detail = `${released} resources held by an aggregator, ${held} losses held by collectors`;
    await this.record({ by, action: "release", ...source, detail });
    return released;
  }

  /** Writes down for all replicas what was done. The action doesn't depend on it: what can't be stored is in the log. */
  async record(action: Omit<AuditEntry, "id" | "at">): Promise<void> {
    const { collectors: { bucket, root }, log } = this.#options;
    let reason: string | undefined;
    try {
      const record = auditRecord(root, action);
      const [result] = await bucket.publish([record], AbortSignal.timeout(requestTimeoutMs));
      if (result?.status !== "stored") {
        reason = result !== undefined && "reason" in result ? result.reason : `${result?.status}`;
      }
    } catch (error) {
      reason = errorText(error);
    }
    if (reason === undefined) return;
    log.warn(
      { ...action, reason },
      `the action was carried out and could not be recorded in the bucket of leases: ${reason}; this line is its record`,
    );
  }

  /** Asks the living collectors of a source what they know. Those that don't answer in time are missing in the answers. */
  async ask(source: SourceName, question: CollectorQuestion): Promise<readonly CollectorAnswer[]> {
    const live = this.of(source).filter(({ status }) => status === "live").length;
    return await this.#questions.ask(source, question, live);
  }

  /** Has a living collector of a source make a dry run. `failed` says why none did. */
  async dryRun(
    source: SourceName,
    task: Omit<DryRunQuestion, "by" | "member">,
  ): Promise<DryRunResult | { readonly failed: "too-large" | "no-answer" | "no-collector" }> {
    const live = this.of(source).find(({ status }) => status === "live");
    if (live === undefined) return { failed: "no-collector" };
    return await this.#questions.askDryRun(source, { by: "dry-run", member: live.lease.member, ...task });
  }

  /** A source without a living collector, or any source as long as nothing is stored. */
  get #toProbe(): SourceName | undefined {
    const sources = [...this.#options.sources()];
    const silent = sources.find((source) => !this.of(source).some(({ status }) => status === "live"));
    return silent ?? (this.unstored === undefined ? undefined : sources[0]);
  }

  get #canBeRead(): boolean {
    return this.#options.collectors.bucket.status().connected;
  }

  #handle(event: LogEvent): void {
    switch (event.type) {
      case "reset":
        return;
      case "caught-up":
        this.#caughtUpMs ??= this.#now();
        return;
      case "put":
        return this.#put(event.subject, event.data);
      case "delete":
        return this.#tell(this.#book.leave(event.subject));
      case "unusable":
        return this.#options.log.warn({ subject: event.subject }, `ignored a message: ${event.reason}`);
    }
  }

  #put(subject: string, data: Uint8Array): void {
    const { collectors: { root }, log, sources, release } = this.#options;
    if (subject.startsWith(shardsPrefix(root))) return;
    if (isTraceSubject(root, subject)) return this.#questions.take(data);
    if (isAuditSubject(root, subject)) return this.#audit.take(data);
    if (subject.startsWith(`${root}.release.`)) {
      const request = readReleaseRequest(data);
      if (request === undefined || this.#requests.has(request.id)) return;
      this.#requests.add(request.id);
      // What was asked before this process began was meant for what was held then.
      if (this.#caughtUpMs === undefined) return;
      for (const source of sources()) {
        if (releaseSubject(root, source.registry, source.source) === subject) release(source, request.by);
      }
      return;
    }
    const lease = readLease(data);
    if (lease !== undefined && leaseSubject(root, lease.registry, lease.source, lease.member) === subject) {
      this.#tell(this.#book.renew(subject, lease, this.#now()));
    } else {log.warn(
        { subject },
        "ignored a message among the collectors' leases; it is no lease, or another's",
      );}
  }

  #tell(changes: readonly CollectorChange[]): void {
    for (const { what, collector } of changes) {
      const { registry, source, member, version, error, failingSince, lastReadAt, published } =
        collector.lease;
      const { log } = this.#options;
      const fields = { registry, source, member };
      switch (what) {
        case "appeared":
          log.info({ ...fields, version }, `a collector of ${registry} has appeared`);
          break;
        case "left":
          log.info(fields, `a collector of ${registry} was stopped; ${this.#othersOf(collector)}`);
          break;
        case "lost":
          log.warn(
            { ...fields, lastSignAgeMs: Math.round(this.ageMs(collector)) },
            `a collector of ${registry} gives no sign any more; ${this.#othersOf(collector)}`,
          );
          break;
        case "failing":
          log.warn(
            { ...fields, failingSince, reason: error },
            `a collector can't read ${registry}: ${error ?? "unknown"}; ${
              lastReadAt === null && published === 0
                ? `nothing of ${registry} was read so far`
                : "what was read before stays served"
            }; see its log`,
          );
          break;
        case "recovered":
          log.info(fields, `a collector can read ${registry} again`);
          break;
      }
    }
  }

  #othersOf({ lease: { registry, source } }: KnownCollector): string {
    const live = this.#book.of(registry, source).filter(({ status }) => status === "live").length;
    if (live > 0) return `${live} of its source ${live === 1 ? "goes" : "go"} on`;
    return `none of its source is left: what was read stays served, and changes of ${registry} wait until one is started`;
  }
}
