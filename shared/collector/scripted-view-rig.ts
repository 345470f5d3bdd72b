import { onTestFinished } from "vitest";
import type { Manifest, SidecarManifest } from "../model/manifest.ts";
import type { Steps } from "../runtime/turns.ts";
import type { CollectorStatus } from "./collector-status.ts";
import { service, sidecar } from "./publisher-rig.ts";
import type { PlanTraits } from "./publish-plan.ts";
import type { ChangeSink, RegistryKind, RegistryView, SidecarPlan, SidecarStage } from "./registry.ts";
import type { Unit } from "./unit.ts";
import { RunningSource } from "./source-rig.ts";
import type { SourceRigOptions } from "./source-rig.ts";

/** A registry in the test's hand: what it has, and how it is. */
export class ViewInHand implements RegistryView {
  traits: PlanTraits = {
    addsUpLosses: false,
    lossDelays: { oneOfSeveralMs: 0, lastMs: 0 },
    debounce: undefined,
    minCompareMs: 0,
  };
  isComplete = false;
  isReading = false;
  error: string | undefined;
  lastReadMs: number | undefined;
  isUnsure = false;
  keepsLastEndpoints = false;
  /** What a refresh waits for. */
  onRefresh: () => Promise<void> = () => Promise.resolve();
  readonly emptyHint = "the test says so";
  /** Addresses by the name of a service, which is its unit. */
  readonly services = new Map<Unit, readonly string[]>();
  protected readonly sink: ChangeSink;

  constructor(sink: ChangeSink) {
    this.sink = sink;
  }

  /** The registry names a change: a service has these addresses now. */
  name(unit: Unit, ...addresses: readonly string[]): void {
    const before = this.services.get(unit)?.length ?? 0;
    this.show(unit, addresses);
    this.sink.changed(unit, addresses.length - before);
  }

  /** Everything has been read, and nothing named the difference. */
  completed(): void {
    this.isComplete = true;
    this.sink.readEnded({ seconds: 0, differs: true });
    this.sink.completed();
  }

  get endpoints(): number {
    return [...this.services.values()].reduce((sum, { length }) => sum + length, 0);
  }

  units(): Iterable<Unit> {
    return this.services.keys();
  }

  isEmpty(unit: Unit): boolean {
    return !this.services.has(unit);
  }

  observe(): void {}

  convert(unit: Unit): readonly Manifest[] {
    const addresses = this.services.get(unit);
    return addresses === undefined ? [] : [service(unit, addresses)];
  }

  status(): CollectorStatus {
    return { connections: [], invalidRecords: new Map() };
  }

  async refresh(): Promise<void> {
    await this.onRefresh();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  protected show(unit: Unit, addresses: readonly string[]): void {
    if (addresses.length === 0) this.services.delete(unit);
    else this.services.set(unit, addresses);
  }
}

/** A view of the whole registry, with a Sidecar. */
export class ScriptedView extends ViewInHand {
  readonly sidecars = new ScriptedSidecars();

  /** A complete read shows this, and nothing named the difference. */
  read(services: Readonly<Record<Unit, readonly string[]>>): void {
    this.services.clear();
    for (const [unit, addresses] of Object.entries(services)) this.show(unit, addresses);
    this.completed();
  }
}

/** One Sidecar whose dependencies are dropped as soon as that is allowed. */
export class ScriptedSidecars implements SidecarStage {
  /** What it may see. */
  hosts: readonly string[] = [];
  /** Names of Sidecars that are to be deleted. */
  gone: readonly string[] = [];
  #published: readonly string[] = [];

  unitOf(name: string): Unit {
    return `application/${name}`;
  }

  adopt(): void {}

  dueInMs(_nowMs: number, mayRemove: boolean): number | undefined {
    return this.#differs(mayRemove) ? 0 : undefined;
  }

  *plan(_nowMs: number, mayRemove: () => boolean): Steps<SidecarPlan> {
    yield;
    if (this.#differs(mayRemove())) {
      this.#published = mayRemove() ? this.hosts : [...new Set([...this.#published, ...this.hosts])];
    }
    const gone = this.gone.map((name) => ({ kind: "Sidecar" as const, namespace: "n", name }));
    return { upserts: this.manifests(), gone };
  }

  settle(): void {
    this.gone = [];
  }

  *manifests(): Iterable<SidecarManifest> {
    if (this.#published.length > 0) yield sidecar("web", this.#published.map((host) => `*/${host}`));
  }

  #differs(mayRemove: boolean): boolean {
    return this.hosts.some((host) => !this.#published.includes(host)) ||
      (mayRemove && this.#published.some((host) => !this.hosts.includes(host)));
  }
}

/** A collector of a {@link ScriptedView}; it ends with the test. */
export async function startScripted(options: SourceRigOptions = {}) {
  return await startView((sink) => new ScriptedView(sink), options);
}

/** A collector of a view in the test's hand; it ends with the test. */
export async function startView<View extends RegistryView>(
  create: (sink: ChangeSink) => View,
  options: SourceRigOptions = {},
) {
  let opened: View | undefined;
  const kind: RegistryKind<undefined> = {
    name: "eureka",
    title: "The registry",
    service: "test",
    purpose: "Tests.",
    httpAddress: "127.0.0.1:0",
    configKey: "eurekaSource",
    sourcesOf: () => [{ name: "default", options: undefined }],
    open: (_options, { sink }) => Promise.resolve(opened = create(sink)),
  };
  const running = await RunningSource.start(kind, {}, options);
  onTestFinished(() => running[Symbol.asyncDispose]());
  if (opened === undefined) throw new TypeError("not opened");
  return { running, view: opened, collector: running.collector };
}
