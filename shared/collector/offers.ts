import type { Manifest, SidecarManifest } from "../model/manifest.ts";
import type { RegistryView, SidecarStage } from "./registry.ts";
import type { Unit } from "./unit.ts";

/** A resource as the registry has it now, and the unit that it was converted from. */
export interface Offer {
  readonly unit: Unit;
  readonly manifest: Manifest;
}

/** An offer with what a comparison asks of it: made when it is converted, because it costs as much as that. */
export interface PreparedOffer extends Offer {
  readonly subject: string;
  /** `manifestHash`; undefined for a unit of another replica, of which it isn't asked here. */
  readonly hash: string | undefined;
  /** The manifest's `spec` as JSON, where few offers are kept at a time. */
  readonly specText?: string;
}

/** Leaves out what can't be published of a unit's resources. */
export type Vet = (unit: Unit, manifests: readonly Manifest[]) => readonly Manifest[];

/** All resources of a registry in the order in which they are published, without Sidecars. */
export function* offersOf(view: RegistryView, vet: Vet): Iterable<Offer> {
  for (const unit of view.units()) {
    view.observe(unit);
    for (const manifest of vet(unit, view.convert(unit))) yield { unit, manifest };
  }
}

/** The units of Sidecars with what can be published of them, each made when it is asked for. */
export function* sidecarUnits(
  stage: SidecarStage,
  manifests: Iterable<SidecarManifest>,
  vet: Vet,
): Iterable<readonly [Unit, readonly Manifest[]]> {
  for (const sidecar of manifests) {
    const unit = stage.unitOf(sidecar.metadata.name);
    yield [unit, vet(unit, [sidecar])];
  }
}
