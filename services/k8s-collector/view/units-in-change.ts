import type { Unit } from "../../../shared/collector/unit.ts";
import type { KubernetesService, KubernetesSlice } from "../client/objects.ts";

/** How long the slices of a changed Service may take to follow, and a Service its slices, in milliseconds. */
const patienceMs = 2_000;

/** A Service with its slices at one time. */
export interface UnitState {
  readonly service: KubernetesService | undefined;
  readonly slices: readonly KubernetesSlice[];
}

/**
 * Services whose ports changed and whose slices didn't yet, or the other way round: a port that gets another name is one
 * change for its writer, and two for who follows, by different watches. In between no endpoint has the port. Until both fit
 * again, or too long a time has passed, what was before counts. Without clock; times are milliseconds of a monotonic one.
 */
export class UnitsInChange {
  /** In the order of their deadlines, since all wait equally long. */
  readonly #before = new Map<Unit, UnitState & { readonly untilMs: number }>();

  /** What counts instead of what is now; undefined: what is now. */
  before(unit: Unit): UnitState | undefined {
    return this.#before.get(unit);
  }

  /** When {@link stopWaiting} has something to do; undefined: nothing is waited for. */
  get waitsUntilMs(): number | undefined {
    return this.#before.values().next().value?.untilMs;
  }

  /** A Service or one of its slices has changed. */
  changed(unit: Unit, before: UnitState, now: UnitState, nowMs: number): void {
    if (now.service === undefined || fits(now)) this.#before.delete(unit);
    else if (
      before.service !== undefined && !this.#before.has(unit) && fits(before) && before.slices.length > 0
    ) {
      this.#before.set(unit, { ...before, untilMs: nowMs + patienceMs });
    }
  }

  /** Gives up waiting for the rest of a change; returns the Services that are taken as they are from now on. */
  stopWaiting(nowMs: number): Unit[] {
    const units: Unit[] = [];
    for (const [unit, { untilMs }] of this.#before) {
      if (untilMs > nowMs) break;
      this.#before.delete(unit);
      units.push(unit);
    }
    return units;
  }
}

/** True if each port of the Service is one of its endpoints', or it has no endpoints. */
function fits({ service, slices }: UnitState): boolean {
  const used = slices.filter(({ endpoints }) => endpoints.some(({ state }) => state === "ready"));
  if (service === undefined || used.length === 0) return true;
  return service.ports.every(({ name }) =>
    used.some(({ ports }) => ports.some((port) => port.name === name))
  );
}
