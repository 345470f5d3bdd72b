import {
  normalizeForIstio,
  repairEndpoints,
  validateManifest,
  withoutRejectedEndpoints,
} from "../istio/mod.ts";
import type { Violation } from "../istio/mod.ts";
import { illFormedName } from "../model/manifest.ts";
import type { Manifest } from "../model/manifest.ts";
import type { Profile } from "../model/profile.ts";
import type { InvalidRecords } from "./invalid-records.ts";
import type { Unit } from "./unit.ts";

/**
 * Keeps from the stream what Istio or Envoy would reject: an endpoint is left out of its entry, a resource that can't
 * be mended is left out as a whole, and each is named. So every reader of the stream finds only what can be served, and
 * none has to decide from memory what to do with the rest. In the `slime` profile only what Envoy rejects is left out,
 * because slime's istiod takes more than a stock one.
 */
export class Vetting {
  readonly #profile: Profile;
  readonly #records: InvalidRecords;

  constructor(profile: Profile, records: InvalidRecords) {
    this.#profile = profile;
    this.#records = records;
  }

  /** The resources of a unit that can be published. */
  vet(unit: Unit, manifests: readonly Manifest[]): readonly Manifest[] {
    const leftOut = new Map<string, string>();
    const kept = manifests.flatMap((manifest) => this.#vetOne(unit, manifest, leftOut));
    this.#records.replace(`rules for ${unit}`, leftOut);
    return kept;
  }

  #vetOne(unit: Unit, manifest: Manifest, leftOut: Map<string, string>): Manifest[] {
    const ill = illFormedName(manifest);
    if (ill !== undefined) {
      const { kind, metadata: { namespace, name } } = manifest;
      leftOut.set(`${unit}: ${kind} ${namespace}/${name}`, `its name ${ill}`);
      return [];
    }
    const isIstio = this.#profile === "istio";
    let usable = manifest;
    if (manifest.kind === "ServiceEntry") {
      const repaired = isIstio ? repairEndpoints(manifest) : withoutRejectedEndpoints(manifest);
      usable = repaired.manifest;
      for (const { endpoint: { address = "", ports = {} }, reason } of repaired.leftOut) {
        leftOut.set(`${unit}: endpoint ${[address, ...Object.values(ports).slice(0, 1)].join(" ")}`, reason);
      }
    }
    if (!isIstio) return [usable];
    // The output stage makes labels valid; nearly all resources are as they come, which saves the work of looking.
    if (brokenRule(usable) === undefined) return [usable];
    const error = brokenRule(usable.kind === "ServiceEntry" ? normalizeForIstio(usable) : usable);
    if (error === undefined) return [usable];
    const { kind, metadata: { namespace, name } } = manifest;
    const { rule, path, message } = error;
    leftOut.set(
      `${unit}: ${kind} ${namespace}/${name}`,
      `breaks Istio's rule ${rule} at ${path}: ${message}`,
    );
    return [];
  }
}

function brokenRule(manifest: Manifest): Violation | undefined {
  return validateManifest(manifest).find(({ severity }) => severity === "error");
}
