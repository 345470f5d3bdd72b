import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type { EntryLog, Fence } from "../entry-log/entry-log.ts";
import type { Manifest, ServiceEntryManifest, SidecarManifest } from "../model/manifest.ts";
import { allSubjects, decodeSubject, sourceFilter, termSubject } from "../model/subject.ts";
import { createTerm } from "../model/term.ts";
import { createLogger } from "../runtime/log.ts";
import type { Logger } from "../runtime/log.ts";
import type { PublishSummary } from "./publish-summary.ts";
import { PublishedState } from "./published-state.ts";
import type { Applied } from "./published-state.ts";
import type { Unit } from "./unit.ts";
import type { ShrinkPolicy } from "./shrink-guard.ts";
import { SourcePublisher } from "./source-publisher.ts";
import type { Share } from "./work-share.ts";

/** How a test's publisher differs from the usual one. */
export interface PublisherRigOptions {
  /** Where it publishes; a new log by default. */
  readonly entryLog?: EntryLog;
  readonly registry?: string;
  readonly guard?: ShrinkPolicy;
  readonly keepEmptyMs?: number;
  readonly log?: Logger;
  /** Units that it owns; all by default. */
  readonly owns?: (unit: Unit) => boolean;
}

const silent = createLogger("test");
silent.level = "silent";

/** A resource of its own name is a unit of its own. */
export function unitOf({ kind, metadata }: Pick<Manifest, "kind" | "metadata">): Unit {
  return `${kind}/${metadata.name}`;
}

/** A publisher on the real following of a log; the test says when it takes over a new term. */
export class PublisherRig implements AsyncDisposable {
  readonly entryLog: EntryLog;
  readonly state: PublishedState;
  readonly publisher: SourcePublisher;
  /** What the log's events meant, in their order. */
  readonly applied: Applied[] = [];
  readonly #registry: string;
  readonly #member = crypto.randomUUID();
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;
  readonly #share: { -readonly [Key in keyof Share]: Share[Key] };
  #changed = Promise.withResolvers<void>();

  private constructor(options: PublisherRigOptions) {
    const { entryLog = new EmbeddedEntryLog(), registry = "eureka", keepEmptyMs = 0, log = silent } = options;
    const { guard = { maxShrinkPercent: 30, minEndpoints: 10, holdTimeMs: 60_000 } } = options;
    this.entryLog = entryLog;
    this.#registry = registry;
    this.state = new PublishedState(this.#member);
    this.#share = { member: this.#member, fence: undefined, owns: options.owns ?? (() => true) };
    this.publisher = new SourcePublisher({
      entryLog,
      registry,
      source: "default",
      state: this.state,
      share: this.#share,
      guard,
      keepEmptyMs,
      httpUrl: () => undefined,
      log,
    });
    this.#following = this.#follow();
  }

  /** Starts a publisher that knows what is on the log, and owns the source. */
  static async start(options: PublisherRigOptions = {}): Promise<PublisherRig> {
    const rig = new PublisherRig(options);
    await rig.takeOver();
    return rig;
  }

  /** Waits until everything on the log is known, and writes a new term. */
  async takeOver(): Promise<Fence> {
    await this.until(() => this.state.caughtUp);
    const subject = termSubject(this.#registry, "default");
    const term = createTerm(this.#registry, "default", (this.state.term?.number ?? 0) + 1, [this.#member]);
    const data = Buffer.from(JSON.stringify(term));
    const [result] = await this.entryLog.publish([{ subject, data }], this.#stop.signal);
    if (result?.status !== "stored") throw new Error(`the term is ${result?.status}`);
    const { sequence } = result;
    await this.until(() => (this.state.term?.sequence ?? 0) >= sequence);
    this.#share.fence = { subject, sequence };
    return this.#share.fence;
  }

  /** Waits for a condition that an event of the log brings about. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise;
  }

  /** Compares all of a source with the log and publishes the difference, then the sync marker. */
  async publishAll(manifests: readonly Manifest[], keepsMissing = false): Promise<PublishSummary> {
    const offers = manifests.map((manifest) => this.publisher.prepare({ unit: unitOf(manifest), manifest }));
    const { summary } = await this.publisher.publishAll(offers, keepsMissing, this.#stop.signal);
    await this.publisher.publishMarker(this.#stop.signal);
    return summary;
  }

  /** Publishes resources that the registry named; services of the names `gone` have no endpoint any more. */
  async publishChanges(
    manifests: readonly Manifest[],
    gone: readonly string[] = [],
  ): Promise<PublishSummary> {
    const units = new Map<Unit, readonly Manifest[]>(gone.map((name) => [`ServiceEntry/${name}`, []]));
    for (const manifest of manifests) units.set(unitOf(manifest), [manifest]);
    return (await this.publisher.publishUnits(units, false, this.#stop.signal)).summary;
  }

  /** Deletes Sidecars of the namespace `n` by their names. */
  async deleteSidecars(...names: readonly string[]): Promise<PublishSummary> {
    const gone = names.map((name) => ({ kind: "Sidecar", namespace: "n", name, unit: `Sidecar/${name}` }));
    return (await this.publisher.deleteNamed(gone, this.#stop.signal)).summary;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  async #follow(): Promise<void> {
    const filter = sourceFilter(this.#registry, "default");
    for await (const event of this.entryLog.follow(filter, this.#stop.signal)) {
      this.applied.push(this.state.apply(event));
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}

/** A service of the namespace `n` with endpoints on port 8080. */
export function service(name: string, addresses: readonly string[]): ServiceEntryManifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "n", labels: { registry: "eureka" } },
    spec: {
      hosts: [`${name}.example`],
      ports: [{ number: 80, protocol: "HTTP", name: "http-80" }],
      resolution: "STATIC",
      endpoints: addresses.map((address) => ({ address, ports: { "http-80": 8080 } })),
    },
  };
}

/** A Sidecar of the namespace `n`. */
export function sidecar(name: string, hosts: string[]): SidecarManifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "Sidecar",
    metadata: { name, namespace: "n", labels: {}, annotations: { "meshregistry.io/updated-at": "now" } },
    spec: { workloadSelector: { labels: { app: name } }, egress: [{ hosts }] },
  };
}

/** What a log has, by name of the service, or by kind. */
export async function contentOf(entryLog: EntryLog) {
  const found = new Map<string, { readonly sequence: number; readonly manifest: ServiceEntryManifest }>();
  for await (
    const { subject, sequence, data } of entryLog.readBack(allSubjects, new AbortController().signal)
  ) {
    const id = decodeSubject(subject);
    const manifest: ServiceEntryManifest = JSON.parse(Buffer.from(data).toString("utf8"));
    found.set(id?.kind === "ServiceEntry" ? id.name : `${id?.kind}`, { sequence, manifest });
  }
  return found;
}

/** A log's methods, apart from the object that they belong to. */
export function bound(log: EntryLog): EntryLog {
  return {
    publish: (records, aborting) => log.publish(records, aborting),
    readBack: (filter, aborting) => log.readBack(filter, aborting),
    follow: (filter, aborting) => log.follow(filter, aborting),
    onReset: (callback) => log.onReset(callback),
    status: () => log.status(),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}
