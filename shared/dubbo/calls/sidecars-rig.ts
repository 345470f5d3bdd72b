import type { SidecarPlan } from "../../collector/registry.ts";
import type { Unit } from "../../collector/unit.ts";
import type { SidecarManifest } from "../../model/manifest.ts";
import { atOnce } from "../../runtime/turns.ts";
import { CallModel } from "./call-model.ts";
import { Sidecars } from "./sidecars.ts";
import type { SidecarRules } from "./sidecars-manifest.ts";

/** Milliseconds. */
export const hourMs = 3_600_000;
/** When a bench begins, in milliseconds since 1970. */
export const startMs = Date.parse("2026-01-01T00:00:00Z");

/** A plan as the collector publishes it. */
export interface PublishedPlan {
  readonly upserts: readonly SidecarManifest[];
  readonly gone: SidecarPlan["gone"];
}

/** Sidecars over a model in which each interface has one service of the same name and the host `<name>.dubbo`. */
export class Bench {
  readonly model = new CallModel();
  readonly sidecars: Sidecars;
  nowMs = startMs;

  constructor(rules: Partial<SidecarRules> = {}, published: Iterable<SidecarManifest> = [], nowMs = startMs) {
    this.nowMs = nowMs;
    this.sidecars = new Sidecars({
      enabled: true,
      profile: "istio",
      namespace: "dubbo",
      workloadLabel: "app",
      protocol: "DUBBO",
      selfConsume: false,
      trimIntervalMs: 24 * hourMs,
      istioRevision: "",
      ...rules,
    }, this.model);
    this.sidecars.adopt(published, this.nowMs);
  }

  service(key: string, providers: readonly string[], consumers: readonly string[]): void {
    const services = providers.length === 0
      ? []
      : [{ key, host: `${key.toLowerCase()}.dubbo`, providers, consumers }];
    this.sidecars.changed(this.model.update(key, services));
  }

  /** Plans, and takes the plan for published, but for what the log refused. */
  publish(mayRemove = true, refused: ReadonlySet<Unit> = new Set()): PublishedPlan {
    const plan = atOnce(this.sidecars.plan(this.nowMs, () => mayRemove));
    const published = { upserts: [...plan.upserts], gone: plan.gone };
    this.sidecars.settle(plan, refused);
    return published;
  }

  /** Plans, and takes nothing for published. */
  plan(): PublishedPlan {
    const { upserts, gone } = atOnce(this.sidecars.plan(this.nowMs, () => true));
    return { upserts: [...upserts], gone };
  }

  dueInMs(mayRemove = true): number | undefined {
    return this.sidecars.dueInMs(this.nowMs, mayRemove);
  }

  get hosts(): Record<string, readonly string[] | undefined> {
    return Object.fromEntries(
      Array.from(
        this.sidecars.manifests(),
        ({ metadata, spec }) => [metadata.name.replace(".dubbo.generated", ""), spec.egress?.[0]?.hosts],
      ),
    );
  }
}
