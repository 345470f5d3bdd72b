import type { NacosInstance, ServiceName, ServiceSnapshot } from "../nacos.ts";
import { sameInstances } from "../wire/service-info.ts";

/** What is known of a service that is asked for from time to time. */
export interface Polled {
  readonly service: ServiceName;
  last: ServiceSnapshot | undefined;
  /** What the catalogue said before it was asked for last. */
  listed: readonly NacosInstance[] | undefined;
  /** In how many more rounds it is asked for, though the catalogue says again what it said before. */
  doubts: number;
  /** Of which connection the last snapshot, or refusal, was told. */
  toldOf: number;
}

/** A server may show a change in its catalogue sooner than in its answers about the service. */
const roundsOfDoubt = 2;

/**
 * Whether a service has to be asked for: the catalogue says something else than the last snapshot. Where the two never
 * agree, as under a protection threshold, it has to say something new.
 */
export function isInDoubt(polled: Polled, instances: readonly NacosInstance[]): boolean {
  const { last, listed } = polled;
  if (last === undefined) return true;
  // Answers about a service leave disabled instances out; and 1.x and 2.x don't list whether one is ephemeral.
  const enabled = instances.filter((one) => one.enabled);
  const ephemeral = last.instances[0]?.ephemeral ?? true;
  if (sameInstances(last.instances, enabled.map((one) => ({ ...one, ephemeral })))) return false;
  if (listed === undefined || !sameInstances(listed, instances)) {
    polled.doubts = roundsOfDoubt;
    return true;
  }
  if (polled.doubts === 0) return false;
  polled.doubts--;
  return true;
}

/** Whether two snapshots say the same, apart from who said it and when. */
export function isSame(a: ServiceSnapshot, b: ServiceSnapshot): boolean {
  return a.protected === b.protected && a.invalid.length === b.invalid.length &&
    a.invalid.every((text, index) => text === b.invalid[index]) && sameInstances(a.instances, b.instances);
}
