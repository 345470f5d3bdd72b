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
 * in slime, which moreover splits parts at their own dots (see {@link slimeLocality}). What the endpoint's labels lack is
 * looked for among `nodeLabels`, those of the node that its pod runs on.
 */
export function localityOf(
  labels: Readonly<Record<string, string>>,
  custom: LocalityLabels,
  profile: Profile,
  nodeLabels: Readonly<Record<string, string>> = {},
): EndpointLocality | undefined {
  const present = labels[localityLabel];
  const parts = present === undefined || present === ""
    ? [
      firstOf(labels, regionKeys(custom)) || firstOf(nodeLabels, regionKeys(custom)),
      localZone(labels, custom) || localZone(nodeLabels, custom),
      firstOf(labels, subzoneKeys(custom)) || firstOf(nodeLabels, subzoneKeys(custom)),
    ]
    : splitLocality(present);
  if (parts[0] === undefined || parts[0] === "") return undefined;
  const named = parts.filter((part) => part !== "");
  const label = named.join(".");
  return { label, locality: (profile === "slime" ? slimeLocality(label) : undefined) ?? named.join("/") };
}

/**
 * The locality that slime reads from the label {@link localityLabel}, undefined without a region: the label, with `/`
 * for its dots unless it has a `/`, cut into three parts of which the empty ones are left out.
 */
export function slimeLocality(label: string): string | undefined {
  const [region = "", ...more] = splitLocality(label);
  return region === "" ? undefined : [region, ...more.filter((part) => part !== "")].join("/");
}

/** What is known of where an instance runs, beside its labels; empty where it isn't. */
export interface KnownPlace {
  /** The zone that the registry itself has for the instance. */
  readonly zone: string;
  /** The region of zones that don't tell theirs. */
  readonly region: string;
}

/**
 * {@link localityOf} an instance of a registry whose readers know zones: Eureka's and Spring Cloud's look for the
 * metadata `zone`, and the registry may know one itself, as Amazon's metadata do. A zone needs a region in Istio:
 * that of the metadata `region`, or `place.region`, or of a zone that a cloud named after its region. The `slime`
 * profile knows nothing of this.
 */
export function instanceLocality(
  labels: Readonly<Record<string, string>>,
  place: KnownPlace,
  custom: LocalityLabels,
  profile: Profile,
  nodeLabels: Readonly<Record<string, string>> = {},
): EndpointLocality | undefined {
  const known = localityOf(labels, custom, profile, nodeLabels);
  if (known !== undefined || profile === "slime") return known;
  const zone = localZone(labels, custom) || place.zone || labels["zone"] || "";
  if (zone === "") return undefined;
  const region = labels["region"] || place.region || regionOfZone(zone);
  if (region === "") return undefined;
  const parts = [region, zone, firstOf(labels, subzoneKeys(custom))].filter((part) => part !== "");
  return { label: parts.join("."), locality: parts.join("/") };
}

/** `us-west-2b` of Amazon; `europe-west1-b` of Google and `cn-hangzhou-h` of Alibaba. */
const cloudZone = /^([a-z]+(?:-[a-z]+)+-[0-9]+)[a-z]$|^([a-z]+-[a-z]+[0-9]*)-[a-z]$/;

function regionOfZone(zone: string): string {
  const [, amazons = "", others = ""] = cloudZone.exec(zone) ?? [];
  return amazons || others;
}

function splitLocality(value: string): string[] {
  const slashed = value.includes("/") ? value : value.replaceAll(".", "/");
  const [region = "", zone = "", ...subzone] = slashed.split("/");
  return [region, zone, subzone.join("/")];
}

function regionKeys({ region }: LocalityLabels): string[] {
  return [region, "failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"];
}

function localZone(labels: Readonly<Record<string, string>>, { zone }: LocalityLabels): string {
  return firstOf(labels, [zone, "failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"]);
}

function subzoneKeys({ subzone }: LocalityLabels): string[] {
  return [subzone, "topology.istio.io/subzone"];
}

function firstOf(labels: Readonly<Record<string, string>>, keys: readonly string[]): string {
  for (const key of keys) {
    const value = key === "" ? undefined : labels[key];
    if (value !== undefined && value !== "") return value;
  }
  return "";
}
