import { createHash } from "node:crypto";
import { groupAnnotation, interfaceAnnotation, versionAnnotation } from "../dubbo-service.ts";
import { isFqdn } from "../../istio/mod.ts";

/** What Dubbo calls a service: three texts, of which the last two may be empty. */
export interface DubboService {
  readonly interface: string;
  readonly group: string;
  readonly version: string;
}

/** Kubernetes takes names of up to 253 characters, Istio hosts of 255. */
const longestHost = 253;
const longestLabel = 63;

/** Last labels that say which of group and version come before them; an interface that ends in one gets a hash. */
const markers: ReadonlySet<string> = new Set(["g", "v", "gv"]);

const packagePart = /^[a-z0-9][A-Za-z0-9]*$/;
const typeName = /^[A-Z][A-Za-z0-9]*$/;
const plainGroup = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const plainVersion = /^[a-z0-9]+(?:\.[a-z0-9]+)*$/;

/**
 * The host of a Dubbo service in the `istio` profile: lower case, DNS-safe, at most 253 characters, and never shared by
 * two services. `com.acme.OrderService` is `com.acme.order-service`; with group `blue` and version `1.0.0` it is
 * `com.acme.order-service.blue.1-0-0.gv`. What can't be written this way without doubt has a last label of `x-1` and
 * twelve letters or digits of a SHA-256 hash. `suffix` is `hostSuffix`. The answer depends on its arguments alone;
 * `docs/zookeeper.md` describes it.
 */
export function dubboHost(service: DubboService, suffix = ""): string {
  const longest = longestHost - suffix.length;
  const readable = readableHost(service);
  const host =
    (readable !== undefined && readable.length <= longest ? readable : hashedHost(service, longest)) +
    suffix;
  // A suffix that is no part of a DNS name costs the host its readability, not its validity.
  const isUsable = suffix === "" ||
    (host.length <= longestHost && isFqdn(host) && host === host.toLowerCase() && !host.endsWith("."));
  return isUsable ? host : hashedHost(service, longestHost);
}

/** Undefined if another service could have the same. */
function readableHost({ interface: interfaceName, group, version }: DubboService): string | undefined {
  const parts = interfaceName.split(".");
  const type = parts.pop() ?? "";
  if (!typeName.test(type) || !parts.every((part) => packagePart.test(part))) return undefined;
  // Two hyphens in the third place are kept for international names.
  if (group !== "" && (!plainGroup.test(group) || group.includes("--"))) return undefined;
  if (version !== "" && !plainVersion.test(version)) return undefined;
  const labels = [...parts.map(hyphenated), hyphenated(type).slice(1)];
  const marker = (group === "" ? "" : "g") + (version === "" ? "" : "v");
  if (marker === "") {
    // Istio's Sidecars want a dot in a host; and a name that ends like one with group or version isn't ours to give.
    if (parts.length === 0 || markers.has(labels.at(-1) ?? "")) return undefined;
  } else {
    if (group !== "") labels.push(group);
    if (version !== "") labels.push(version.replaceAll(".", "-"));
    labels.push(marker);
  }
  return labels.every((label) => label.length <= longestLabel) ? labels.join(".") : undefined;
}

/** A hyphen before each capital, which then is none: `orderService` is `order-service`, `OrderService` `-order-service`. */
function hyphenated(part: string): string {
  return part.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
}

const base32 = "abcdefghijklmnopqrstuvwxyz234567";

/** The readable part is for people; the hash alone tells services apart. No readable host has a hyphen before a digit
 * in its last label. */
function hashedHost(service: DubboService, longest: number): string {
  const { interface: interfaceName, group, version } = service;
  const digest = createHash("sha256").update(JSON.stringify([interfaceName, group, version])).digest();
  let hash = "x-1";
  for (const byte of digest.subarray(0, 12)) hash += base32.charAt(byte & 31);
  const words = [interfaceName, group, version].map((text) =>
    // The first letters are enough, whatever the registry has.
    text.slice(0, longestHost).replaceAll(/(?<=[a-z0-9])[A-Z]/g, (capital) => `-${capital}`).toLowerCase()
  );
  const labels = words.join(".").split(".").map((label) => cleanLabel(label)).filter((label) => label !== "");
  let room = longest - hash.length;
  const kept: string[] = [];
  for (const label of labels) {
    room -= label.length + 1;
    if (room < 0) break;
    kept.push(label);
  }
  // A label before the hash, because Istio's Sidecars want a dot in a host.
  return [...(kept.length === 0 ? ["dubbo"] : kept), hash].join(".");
}

function cleanLabel(label: string): string {
  return label.replaceAll(/[^a-z0-9]+/g, "-").slice(0, longestLabel).replaceAll(/^-|-$/g, "");
}

/** Annotations that say which service a host of {@link dubboHost} stands for, letter by letter. */
export function serviceAnnotations(
  { interface: name, group, version }: DubboService,
): Record<string, string> {
  return {
    [interfaceAnnotation]: name,
    ...(group === "" ? {} : { [groupAnnotation]: group }),
    ...(version === "" ? {} : { [versionAnnotation]: version }),
  };
}

/** The inverse of {@link serviceAnnotations}; undefined if there is no such annotation. */
export function serviceOfAnnotations(
  annotations: Readonly<Record<string, string>> = {},
): DubboService | undefined {
  const name = annotations[interfaceAnnotation];
  if (name === undefined) return undefined;
  return {
    interface: name,
    group: annotations[groupAnnotation] ?? "",
    version: annotations[versionAnnotation] ?? "",
  };
}
