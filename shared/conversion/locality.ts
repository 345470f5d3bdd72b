import type { Profile } from "../model/profile.ts";

/** Label keys to look for before the well-known ones; empty where there is none (LOCALITY_LABELS). */
export interface LocalityLabels {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

/** The endpoint label that carries the locality, its parts joined by dots. */
export const localityLabel = "istio-locality";

/** The locality of an endpoint. */
export interface EndpointLocality {
  /** `region/zone/subzone`, as Istio takes it. */
  readonly locality: string;
  /** Value of the label {@link localityLabel}. */
  readonly label: string;
}

/**
 * The locality of an endpoint from its labels. An `istio-locality` already there wins; otherwise region, zone and
 * subzone come each from the first label that has them. Undefined without a region. An empty middle part is skipped, as
 * in slime, which moreover splits parts at their own dots.
 */
export function localityOf(
  labels: Readonly<Record<string, string>>,
  custom: LocalityLabels,
  profile: Profile,
): EndpointLocality | undefined {
  const present = labels[localityLabel];
  const parts = present === undefined || present === ""
    ? [
      firstOf(labels, [
        custom.region,
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/region",
      ]),
      firstOf(labels, [custom.zone, "failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"]),
      firstOf(labels, [custom.subzone, "topology.istio.io/subzone"]),
    ]
    : splitLocality(present);
  if (parts[0] === undefined || parts[0] === "") return undefined;
  const named = parts.filter((part) => part !== "");
  const label = named.join(".");
  return { label, locality: profile === "slime" ? label.replaceAll(".", "/") : named.join("/") };
}

function splitLocality(value: string): string[] {
  const slashed = value.includes("/") ? value : value.replaceAll(".", "/");
  const [region = "", zone = "", ...subzone] = slashed.split("/");
  return [region, zone, subzone.join("/")];
}

function firstOf(labels: Readonly<Record<string, string>>, keys: readonly string[]): string {
  for (const key of keys) {
    const value = key === "" ? undefined : labels[key];
    if (value !== undefined && value !== "") return value;
  }
  return "";
}
