import type { z } from "zod";
import type { Clients, Sources } from "./answers.ts";
import { heldOf } from "./sources.ts";

/** What was found out about an installation; undefined where it wasn't asked for or couldn't be had. */
export interface Facts {
  /** Errors and warnings of the configuration file, as text with their place. */
  readonly config?: { readonly errors: readonly string[]; readonly warnings: readonly string[] } | undefined;
  /** Why the aggregator can't be asked. */
  readonly unreachable?: string | undefined;
  readonly sources?: Sources | undefined;
  readonly clients?: z.infer<typeof Clients> | undefined;
  /** Number of resources that Istio's rules reject. */
  readonly rejected?: number | undefined;
  /** Hosts whose entries can't be merged. */
  readonly unmergeable?: number | undefined;
  /** Addresses of `configSources` in istiod's mesh configuration. */
  readonly configSources?: readonly string[] | undefined;
}

/** One thing that was looked at. */
export interface Finding {
  readonly verdict: "ok" | "warning" | "problem";
  readonly what: string;
  /** What to do; empty if all is well. */
  readonly next: string;
}

/** What facts mean, and what to do about them. In the order in which one would mend them. */
export function diagnose(facts: Facts): readonly Finding[] {
  return [
    ...aboutConfig(facts),
    ...aboutAggregator(facts),
    ...(facts.sources === undefined ? [] : aboutSources(facts.sources)),
    ...aboutContent(facts),
    ...aboutClients(facts),
    ...aboutIstiod(facts),
  ];
}

const ok = (what: string): Finding => ({ verdict: "ok", what, next: "" });
const warning = (what: string, next: string): Finding => ({ verdict: "warning", what, next });
const problem = (what: string, next: string): Finding => ({ verdict: "problem", what, next });

const moreRoom =
  "give the stream, its account or the volume of NATS more room; nothing that is stored is lost";

const ownStream = "change the stream; docs/deployment.md, A stream of your own, says what each setting costs";

function aboutConfig({ config }: Facts): Finding[] {
  if (config === undefined) return [];
  if (config.errors.length + config.warnings.length === 0) return [ok("the configuration is in order")];
  return [
    ...config.errors.map((text) => problem(text, "mend the file; docs/configuration.md has every key")),
    ...config.warnings.map((text) => warning(text, "look at the key in docs/configuration.md")),
  ];
}

function aboutAggregator({ unreachable, sources }: Facts): Finding[] {
  if (unreachable !== undefined) return [problem(unreachable, "start the aggregator, or name it with --api")];
  if (sources === undefined) return [];
  const { entryLog, open, servedStateOf } = sources;
  const findings = [
    entryLog.connected ? ok(`the entry log can be reached (${entryLog.detail})`) : problem(
      `the entry log can't be reached: ${entryLog.detail}`,
      "look at NATS, and at nats.servers and credentials",
    ),
    ...(entryLog.unstored == null ? [] : [problem(`nothing can be stored: ${entryLog.unstored}`, moreRoom)]),
    ...(entryLog.warnings ?? []).map((each) => warning(`the entry log: ${each}`, ownStream)),
    open ? ok("clients are served") : problem(
      "clients aren't served: sources are waited for",
      "mend the sources below, or set their waitTime",
    ),
  ];
  if (servedStateOf !== null) {
    findings.push(warning(`the state of ${servedStateOf} is served, from disk`, "bring NATS back"));
  }
  return findings;
}

function aboutSources({ sources }: Sources): Finding[] {
  return Object.entries(sources).flatMap(([name, source]) => {
    const findings: Finding[] = [];
    const living = source.collectors.filter(({ status }) => status === "live");
    if (living.length === 0) {
      findings.push(
        problem(`${name}: no collector is alive`, "start one; its entries stay as they are meanwhile"),
      );
    }
    for (const { member, error, unpublished } of living) {
      if (error !== null) {
        findings.push(
          problem(`${name}: ${member} can't read its registry: ${error}`, "look at the registry"),
        );
      }
      if (unpublished != null) {
        findings.push(
          problem(`${name}: nothing that ${member} publishes is stored: ${unpublished}`, moreRoom),
        );
      }
    }
    if (source.state !== "synced") {
      const next = source.state === "not configured"
        ? "retire it: docs/deployment.md"
        : "look at its collectors' logs";
      findings.push(problem(`${name}: ${source.state}`, next));
    }
    if (heldOf(source) > 0) {
      const next =
        `meshctl held --source ${name}; if they are really gone: meshctl held release --source ${name}`;
      findings.push(warning(`${name}: the guard holds ${heldOf(source)} losses`, next));
    }
    if (source.unconfirmed > 0) {
      const what = `${name}: ${source.unconfirmed} resources are served that the entry log doesn't show yet`;
      findings.push(warning(what, "wait for its collector's next complete read"));
    }
    if (findings.length === 0) {
      findings.push(
        source.remark === null
          ? ok(`${name}: ${source.resources} resources; collectors alive: ${living.length}`)
          : warning(`${name}: ${source.remark}`, "docs/at-3-am.md goes by symptom"),
      );
    }
    return findings;
  });
}

function aboutContent({ rejected = 0, unmergeable = 0 }: Facts): Finding[] {
  return [
    ...(rejected === 0
      ? []
      : [warning(`${rejected} resources break Istio's rules`, "/meshregistry/rejected names the rules")]),
    ...(unmergeable === 0
      ? []
      : [warning(`${unmergeable} hosts stand in several sources and can't be merged`, "meshctl conflicts")]),
  ];
}

function aboutClients({ clients }: Facts): Finding[] {
  if (clients === undefined) return [];
  if (clients.length === 0) {
    return [
      warning(
        "no istiod is connected",
        "meshctl config-sources prints what istiod needs; then restart istiod",
      ),
    ];
  }
  const refusing = clients.filter(({ types }) => types.some(({ refusedNow }) => refusedNow.length > 0));
  return refusing.length === 0
    ? [ok(`${clients.length} clients are connected, and none refuses anything`)]
    : [
      problem(
        `${refusing.length} of ${clients.length} clients refuse resources`,
        "meshctl clients shows their words",
      ),
    ];
}

function aboutIstiod({ configSources }: Facts): Finding[] {
  if (configSources === undefined) return [];
  const findings: Finding[] = [];
  if (!configSources.some((address) => address.startsWith("xds://"))) {
    findings.push(problem("istiod has no xds:// source", "meshctl config-sources prints it"));
  } else if (!configSources.includes("k8s://")) {
    const what = "configSources lack k8s://: istiod no longer reads Istio resources from Kubernetes";
    findings.push(problem(what, "add - address: k8s://"));
  }
  return findings.length > 0 ? findings : [ok("istiod's configSources have meshregistry and Kubernetes")];
}
