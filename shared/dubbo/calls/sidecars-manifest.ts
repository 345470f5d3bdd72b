import {
  applicationAnnotation,
  decodeLostSince,
  encodeLostSince,
  goneSinceAnnotation,
  lostSinceAnnotation,
  sidecarApplication,
  sidecarHosts,
  sidecarName,
  updatedAtAnnotation,
} from "../dubbo-sidecar.ts";
import { compareCodePoints, isFqdn, repairLabelValue } from "../../istio/mod.ts";
import type { SidecarManifest, SidecarSpec } from "../../model/manifest.ts";
import { networkingApiVersion } from "../../model/manifest.ts";
import type { Profile } from "../../model/profile.ts";

/** How Sidecars are generated. */
export interface SidecarRules {
  /** `enableDubboSidecar`: without it those that are published are deleted. */
  readonly enabled: boolean;
  readonly profile: Profile;
  /** `resourceNs`: the namespace of the Sidecars. */
  readonly namespace: string;
  /** `dubboWorkloadAppLabel`: the label of the workloads that holds their application. */
  readonly workloadLabel: string;
  /** The protocol of the source's service ports, such as `DUBBO`; written in the `slime` profile only. */
  readonly protocol: string;
  /** An application also sees what it provides itself. */
  readonly selfConsume: boolean;
  /** `trimDubboRemoveDepInterval`, in milliseconds. */
  readonly trimIntervalMs: number;
  /** The value of the label `istio.io/rev`; empty for none. */
  readonly istioRevision: string;
}

/** What is published for one application. Times are milliseconds since 1970. */
export interface PublishedSidecar {
  /** What its workloads see: service keys in the `slime` profile, hosts in the `istio` profile. */
  readonly dependencies: ReadonlySet<string>;
  /** When `dependencies` changed last. */
  readonly updatedAtMs: number;
  /** Those among `dependencies` that nobody consumes any more, and since when. */
  readonly lostAtMs: ReadonlyMap<string, number>;
  /** Since when the application has been gone; undefined while it isn't. */
  readonly goneAtMs: number | undefined;
}

/** Slime's mark for istiods that are patched for it: the Sidecar is for workloads of all namespaces. */
const nonNamespacedAnnotation = "sidecar.config.istio.io/nonNsSpec";

/** True if Istio takes the name as a host of an egress listener (it wants a dot); slime's istiod takes any. */
export function isDependency(host: string, profile: Profile): boolean {
  return profile === "slime" || (host.includes(".") && isFqdn(host));
}

/**
 * True if a workload's label can say that it belongs to the application. Without that the Sidecar would hold for
 * workloads whose label is empty.
 */
export function isSelectable(application: string, profile: Profile): boolean {
  return profile === "slime" || workloadLabelOf(application, profile) !== "";
}

/** The value of the label by which an application's workloads are known: repaired as the labels of endpoints are. */
function workloadLabelOf(application: string, profile: Profile): string {
  return profile === "slime" ? application : repairLabelValue(application);
}

/** The manifest of an application's Sidecar. */
export function sidecarManifest(
  application: string,
  published: PublishedSidecar,
  rules: SidecarRules,
): SidecarManifest {
  const { namespace, workloadLabel, istioRevision, profile } = rules;
  const name = sidecarName(application, profile);
  const ownName: Readonly<Record<string, string>> = sidecarApplication({ name }) === application
    ? {}
    : { [applicationAnnotation]: application };
  return {
    apiVersion: networkingApiVersion,
    kind: "Sidecar",
    metadata: {
      name,
      namespace,
      labels: istioRevision === "" ? {} : { "istio.io/rev": istioRevision },
      annotations: { ...annotationsOf(published, rules), ...ownName },
    },
    spec: {
      workloadSelector: { labels: { [workloadLabel]: workloadLabelOf(application, profile) } },
      egress: egressOf(published.dependencies, rules),
    },
  };
}

/**
 * Slime's listener has a protocol and no port number, and no hosts for an application that consumes nothing. A stock
 * istiod refuses both; it takes one listener without a port as that of all ports, and `~/*` for no hosts.
 */
function egressOf(dependencies: ReadonlySet<string>, rules: SidecarRules): SidecarSpec["egress"] {
  const hosts = [...dependencies].sort(compareCodePoints).map((host) => `*/${host}`);
  if (rules.profile === "istio") return [{ hosts: hosts.length === 0 ? ["~/*"] : hosts }];
  const port = { protocol: rules.protocol };
  return [hosts.length === 0 ? { port } : { port, hosts }];
}

function annotationsOf(published: PublishedSidecar, { profile }: SidecarRules): Record<string, string> {
  const annotations: Record<string, string> = { [nonNamespacedAnnotation]: "true" };
  const lostSince = encodeLostSince(published.lostAtMs);
  if (lostSince !== undefined) annotations[lostSinceAnnotation] = lostSince;
  const { goneAtMs, updatedAtMs } = published;
  if (goneAtMs !== undefined) annotations[goneSinceAnnotation] = new Date(goneAtMs).toISOString();
  if (profile === "slime") annotations[updatedAtAnnotation] = new Date(updatedAtMs).toISOString();
  return annotations;
}

/**
 * Undoes {@link sidecarManifest}; undefined if these rules would not have made a Sidecar of that name and namespace.
 * Without a time of the last update, `nowMs` stands for it: nothing is dropped too early.
 */
export function readSidecar(
  manifest: SidecarManifest,
  rules: SidecarRules,
  nowMs: number,
): readonly [application: string, published: PublishedSidecar] | undefined {
  const { name, namespace, annotations } = manifest.metadata;
  const application = sidecarApplication(manifest.metadata);
  if (application === undefined || application === "" || namespace !== rules.namespace) return undefined;
  if (sidecarName(application, rules.profile) !== name) return undefined;
  const hosts = sidecarHosts(manifest).filter((host) => isDependency(host, rules.profile));
  const dependencies = new Set(hosts);
  const lost = [...decodeLostSince(annotations?.[lostSinceAnnotation])];
  return [application, {
    dependencies,
    updatedAtMs: timeOf(annotations?.[updatedAtAnnotation]) ?? nowMs,
    lostAtMs: new Map(lost.filter(([host]) => dependencies.has(host))),
    goneAtMs: timeOf(annotations?.[goneSinceAnnotation]),
  }];
}

function timeOf(annotation: string | undefined): number | undefined {
  const ms = Date.parse(annotation ?? "");
  return Number.isNaN(ms) ? undefined : ms;
}
