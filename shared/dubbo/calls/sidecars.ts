import type { SidecarPlan, SidecarStage } from "../../collector/registry.ts";
import type { Unit } from "../../collector/unit.ts";
import { sidecarApplication, sidecarName } from "../dubbo-sidecar.ts";
import type { SidecarManifest } from "../../model/manifest.ts";
import type { Steps } from "../../runtime/turns.ts";
import type { CallModel } from "./call-model.ts";
import { isDependency, isSelectable, readSidecar, sidecarManifest } from "./sidecars-manifest.ts";
import type { PublishedSidecar, SidecarRules } from "./sidecars-manifest.ts";

/** Between two plans, as in slime: changes come at once and then bundled. */
const minIntervalMs = 1_000;

/** The longest wait that is answered: timers take no more than 24 days, and nobody minds to be asked once a day. */
const maxWaitMs = 86_400_000;

/**
 * The Sidecars of all applications: which hosts each one lets its workloads see. A dependency that is new is added at
 * once. One that nobody consumes any more stays for the trim interval, because a consumer that restarts is away for a
 * moment; and so does the Sidecar of an application that is gone. `istio` profile: each loss waits from its own time
 * on. `slime` profile: as in slime, losses wait until the interval since the last change of that Sidecar is over, and
 * go along with any addition. Unlike slime's, a loss that waits is never forgotten.
 *
 * The state is what is published: {@link adopt} finds it on the stream. The clock is passed in, in milliseconds
 * since 1970 (times are published, and outlive the process). A plan costs what changed.
 */
export class Sidecars implements SidecarStage {
  readonly #rules: SidecarRules;
  readonly #model: CallModel;
  readonly #published = new Map<string, PublishedSidecar>();
  /** Applications to be looked at by the next plan. */
  readonly #changed = new Set<string>();
  /** Planned and not yet known to be published. */
  readonly #pending = new Set<string>();
  readonly #pendingGone = new Map<string, SidecarPlan["gone"][number]>();
  /** When the next loss of an application is over. Only applications with losses, so there are few. */
  readonly #dropAtMs = new Map<string, number>();
  #plannedAtMs = 0;

  constructor(rules: SidecarRules, model: CallModel) {
    this.#rules = rules;
    this.#model = model;
  }

  /** The unit of a generated Sidecar, by its name. */
  unitOf(name: string): Unit {
    return `application/${sidecarApplication({ name }) ?? name}`;
  }

  /**
   * Takes over what is on the stream: from earlier times, or published by another replica. An application whose Sidecar
   * is to be published from here keeps what is known of it; what these rules would not have made is deleted with the
   * next plan.
   */
  adopt(manifests: Iterable<SidecarManifest>, nowMs: number): void {
    for (const manifest of manifests) {
      const { name, namespace } = manifest.metadata;
      const found = this.#rules.enabled ? readSidecar(manifest, this.#rules, nowMs) : undefined;
      if (found === undefined) {
        this.#pendingGone.set(`${namespace}/${name}`, { kind: "Sidecar", namespace, name });
        continue;
      }
      const [application, published] = found;
      if (!this.#pending.has(application)) this.#set(application, published);
      this.#changed.add(application);
    }
  }

  /** Takes note of applications whose calls changed. */
  changed(applications: Iterable<string>): void {
    if (!this.#rules.enabled) return;
    for (const application of applications) {
      if (isSelectable(application, this.#rules.profile)) this.#changed.add(application);
    }
  }

  /**
   * How long until there may be something to plan, in milliseconds (0: now); undefined if only a change can bring
   * something. `mayRemove` as what {@link plan} asks for.
   */
  dueInMs(nowMs: number, mayRemove: boolean): number | undefined {
    let waitMs = Number.POSITIVE_INFINITY;
    if (this.#changed.size + this.#pending.size + this.#pendingGone.size > 0) {
      waitMs = Math.min(this.#plannedAtMs + minIntervalMs - nowMs, minIntervalMs);
    }
    if (mayRemove) {
      for (const dropAtMs of this.#dropAtMs.values()) waitMs = Math.min(waitMs, dropAtMs - nowMs);
    }
    return waitMs === Number.POSITIVE_INFINITY ? undefined : Math.min(Math.max(waitMs, 0), maxWaitMs);
  }

  /**
   * Decides what to publish now: everything that isn't known to be published ({@link settle}). The model must be
   * complete. While `mayRemove` is false losses are noted, but nothing is dropped: while the registry can't be reached,
   * or the mass-deletion guard holds something, what is missing is no evidence.
   *
   * An application that changes between two steps is looked at again, by this plan or the next one: each Sidecar is that
   * of one moment.
   */
  *plan(nowMs: number, mayRemove: () => boolean): Steps<SidecarPlan> {
    this.#plannedAtMs = nowMs;
    if (mayRemove()) {
      for (const [application, dropAtMs] of this.#dropAtMs) {
        if (dropAtMs <= nowMs) this.#changed.add(application);
      }
    }
    for (const application of this.#changed) {
      yield;
      this.#changed.delete(application);
      this.#review(application, nowMs, mayRemove());
    }
    return { upserts: this.#pendingManifests(), gone: [...this.#pendingGone.values()] };
  }

  /** Takes a plan for published, but for what the log refused. What changed since it was made stays to be planned. */
  settle({ gone }: SidecarPlan, refused: ReadonlySet<Unit>): void {
    for (const application of this.#pending) {
      const unit = this.unitOf(sidecarName(application, this.#rules.profile));
      if (!refused.has(unit)) this.#pending.delete(application);
    }
    for (const sidecar of gone) {
      const key = `${sidecar.namespace}/${sidecar.name}`;
      if (this.#pendingGone.get(key) === sidecar) this.#pendingGone.delete(key);
    }
  }

  /** The Sidecars of all applications as of the last plan, for a complete comparison. */
  *manifests(): Iterable<SidecarManifest> {
    for (const [application, published] of this.#published) {
      yield sidecarManifest(application, published, this.#rules);
    }
  }

  *#pendingManifests(): Iterable<SidecarManifest> {
    for (const application of this.#pending) {
      const published = this.#published.get(application);
      if (published !== undefined) yield sidecarManifest(application, published, this.#rules);
    }
  }

  #review(application: string, nowMs: number, mayRemove: boolean): void {
    const before = this.#published.get(application);
    const wanted = this.#wanted(application);
    if (wanted === undefined) {
      if (before !== undefined) this.#reviewGone(application, before, nowMs, mayRemove);
      return;
    }
    const gained = before === undefined || [...wanted].some((host) => !before.dependencies.has(host));
    const dependencies = new Set(wanted);
    const lostAtMs = new Map<string, number>();
    for (const host of before?.dependencies ?? []) {
      if (before === undefined || wanted.has(host)) continue;
      const sinceMs = before.lostAtMs.get(host) ?? before.goneAtMs ?? nowMs;
      const dropNow = nowMs >= this.#dropTimeMs(before, sinceMs) ||
        (gained && this.#rules.profile === "slime");
      if (mayRemove && dropNow) continue;
      dependencies.add(host);
      lostAtMs.set(host, sinceMs);
    }
    const same = before !== undefined && isSameSet(before.dependencies, dependencies);
    const updatedAtMs = same ? before.updatedAtMs : nowMs;
    if (same && before.goneAtMs === undefined && isSameSet(before.lostAtMs, lostAtMs)) return;
    this.#set(application, { dependencies, updatedAtMs, lostAtMs, goneAtMs: undefined });
    this.#pending.add(application);
    this.#pendingGone.delete(`${this.#rules.namespace}/${sidecarName(application, this.#rules.profile)}`);
  }

  #reviewGone(application: string, before: PublishedSidecar, nowMs: number, mayRemove: boolean): void {
    const goneAtMs = before.goneAtMs ?? nowMs;
    if (mayRemove && nowMs >= this.#dropTimeMs(before, goneAtMs)) {
      const { namespace, profile } = this.#rules;
      const name = sidecarName(application, profile);
      this.#published.delete(application);
      this.#dropAtMs.delete(application);
      this.#pending.delete(application);
      this.#pendingGone.set(`${namespace}/${name}`, { kind: "Sidecar", namespace, name });
    } else if (before.goneAtMs === undefined) {
      this.#set(application, { ...before, goneAtMs });
      this.#pending.add(application);
    }
  }

  /** When what was lost at `sinceMs` may go. */
  #dropTimeMs({ updatedAtMs }: PublishedSidecar, sinceMs: number): number {
    const { profile, trimIntervalMs } = this.#rules;
    return (profile === "slime" ? updatedAtMs : sinceMs) + trimIntervalMs;
  }

  #set(application: string, published: PublishedSidecar): void {
    this.#published.set(application, published);
    let dropAtMs = Number.POSITIVE_INFINITY;
    const { lostAtMs, goneAtMs } = published;
    const sinces = goneAtMs === undefined ? lostAtMs.values() : [goneAtMs];
    for (const sinceMs of sinces) dropAtMs = Math.min(dropAtMs, this.#dropTimeMs(published, sinceMs));
    if (dropAtMs === Number.POSITIVE_INFINITY) this.#dropAtMs.delete(application);
    else this.#dropAtMs.set(application, dropAtMs);
  }

  /** What the application's workloads have to see by the model; undefined if it is gone. */
  #wanted(application: string): ReadonlySet<string> | undefined {
    const calls = this.#model.callsOf(application);
    if (calls === undefined) return undefined;
    const { profile, selfConsume } = this.#rules;
    const wanted = new Set<string>();
    for (const services of selfConsume ? [calls.consumes, calls.provides] : [calls.consumes]) {
      for (const { key, host } of services) {
        const dependency = profile === "slime" ? key : host;
        if (isDependency(dependency, profile)) wanted.add(dependency);
      }
    }
    return wanted;
  }
}

function isSameSet(
  a: { readonly size: number; keys(): Iterable<string> },
  b: { readonly size: number; has(key: string): boolean },
): boolean {
  if (a.size !== b.size) return false;
  for (const key of a.keys()) if (!b.has(key)) return false;
  return true;
}
