import type { Finding, StageName } from "../../api/trace.ts";
import type { ReasonCode } from "../../api/reasons.ts";
import type { Manifest } from "../../model/manifest.ts";
import { encodeSubject } from "../../model/subject.ts";
import { instanceIn } from "../../model/trace-question.ts";
import type { TraceQuestion } from "../../model/trace-question.ts";
import type { Unit } from "../unit.ts";
import type { FoundRecord } from "./found-record.ts";

/** What a replica knows when it is asked; nothing of it is changed. */
export interface TraceFacts {
  readonly registry: string;
  readonly source: string;
  readonly isComplete: boolean;
  readonly error: string | undefined;
  readonly found: readonly FoundRecord[];
  /** The resources of a unit, before and after the check of rules. */
  readonly converted: (
    unit: Unit,
  ) => { readonly made: readonly Manifest[]; readonly vetted: readonly Manifest[] };
  /** Why records can't be used, by place. */
  readonly unusable: ReadonlyMap<string, string>;
  readonly heldMs: (subject: string) => number | undefined;
  readonly refusal: (subject: string) => string | undefined;
  /** The content on the stream; undefined: the stream has none. */
  readonly published: (subject: string) => Manifest | undefined;
  readonly owns: (unit: Unit) => boolean;
}

/** Maximum number of records that are explained: a service may have thousands, and one is like the other. */
const maxRecords = 10;

/** The stages of a collector, in order, for what a question finds. Pure. */
export function explain(question: TraceQuestion, facts: TraceFacts): Finding[] {
  const { error, isComplete, found } = facts;
  const findings: Finding[] = [];
  if (error !== undefined) {
    findings.push(finding("registry", "MR1103", `The registry can't be read: ${error}.`));
  }
  if (found.length === 0) {
    if (!isComplete) findings.push(finding("registry", "MR1106", "The registry isn't read completely yet."));
    else if (error === undefined) {
      findings.push(finding("registry", "MR1102", `The registry has no record of ${question.text}.`));
    }
    return findings;
  }
  for (const record of found.slice(0, maxRecords)) findings.push(...explainRecord(question, record, facts));
  return findings;
}

function explainRecord({ by, text }: TraceQuestion, record: FoundRecord, facts: TraceFacts): Finding[] {
  const { path, unit, state } = record;
  const place = { record: path, unit, ...(state === "" ? {} : { state }) };
  const findings = [finding("registry", "MR1101", `The registry has ${path}.`, place)];
  const wanted = by === "instance" ? instanceIn(text) : { address: record.address, port: record.port };
  const isInstance = record.address !== "";
  const { made, vetted } = facts.converted(unit);
  const entries = made.filter(({ kind }) => kind === "ServiceEntry");
  const own = isInstance
    ? entries.filter((entry) => hasEndpoint(entry, wanted.address, record.port))
    : entries;
  if (own.length === 0) {
    findings.push(...leftOut(record, facts, entries));
    return findings;
  }
  findings.push(finding("selection", "MR1201", "No filter leaves it out.", place));
  for (const entry of own) findings.push(...explainEntry(entry, record, wanted.address, vetted, facts));
  return findings;
}

function leftOut(
  { path, unit, address, state }: FoundRecord,
  { unusable }: TraceFacts,
  entries: readonly Manifest[],
): Finding[] {
  const reason = unusable.get(path) ??
    [...unusable].find(([place]) =>
      place.includes(path) || (address !== "" && place.startsWith(`${unit}: `) && place.includes(address))
    )?.[1];
  const [entry] = entries;
  const details = {
    record: path,
    ...(entry === undefined ? {} : { service: `${entry.metadata.namespace}/${entry.metadata.name}` }),
  };
  const why = state === "" ? "" : ` (${state})`;
  const findings = reason === undefined
    ? [finding("selection", "MR1203", `A filter or its state leaves it out${why}.`, details)]
    : [finding("selection", "MR1202", `It can't be used: it ${reason}.`, details)];
  if (entry === undefined) {
    findings.push(finding("conversion", "MR1402", `Nothing is made of ${unit}.`, { unit }));
  }
  return findings;
}

function explainEntry(
  entry: Manifest,
  record: FoundRecord,
  address: string,
  vetted: readonly Manifest[],
  facts: TraceFacts,
): Finding[] {
  const { kind, metadata: { namespace, name } } = entry;
  const { registry, source } = facts;
  const subject = encodeSubject({ kind, registry, source, namespace, name });
  const hosts = entry.kind === "ServiceEntry" ? entry.spec.hosts.join(", ") : "";
  const endpoints = entry.kind === "ServiceEntry" ? entry.spec.endpoints?.length ?? 0 : 0;
  const findings = [
    finding("name", "MR1301", `It is ${namespace}/${name}, with the host ${hosts}.`, {
      name,
      namespace,
      hosts,
    }),
    finding("conversion", "MR1401", `It is in an entry of ${endpoints} endpoints.`, { unit: record.unit }),
  ];
  const kept = vetted.find((each) =>
    each.kind === kind && each.metadata.name === name &&
    each.metadata.namespace === namespace
  );
  const isKept = kept !== undefined && (record.address === "" || hasEndpoint(kept, address, record.port));
  if (!isKept) {
    const reason = [...facts.unusable].find(([place]) =>
      place.startsWith(`${record.unit}: `) &&
      (place.includes(address) || place.includes(`${namespace}/${name}`))
    )?.[1] ?? "it breaks a rule";
    findings.push(
      finding("rules", "MR1502", `It is left out: ${reason}.`, { subject, service: `${namespace}/${name}` }),
    );
    return findings;
  }
  findings.push(finding("rules", "MR1501", "It keeps the rules of Istio and Envoy."));
  findings.push(published(subject, record, address, facts));
  return findings;
}

function published(subject: string, record: FoundRecord, address: string, facts: TraceFacts): Finding {
  const { heldMs, refusal, published, owns } = facts;
  const details = { subject };
  const held = heldMs(subject);
  if (held !== undefined) {
    const text = `The guard has held a loss of this entry back for ${Math.round(held / 1000)} s.`;
    return finding("publishing", "MR1602", text, details);
  }
  const refused = refusal(subject);
  if (refused !== undefined) {
    return finding("publishing", "MR1604", `The entry log refuses the entry: ${refused}.`, details);
  }
  const stored = published(subject);
  if (stored !== undefined && (record.address === "" || hasEndpoint(stored, address, record.port))) {
    return finding("publishing", "MR1601", "The entry log has it.", details);
  }
  return owns(record.unit)
    ? finding("publishing", "MR1603", "This replica hasn't published it yet.", details)
    : finding("publishing", "MR1605", "Another replica publishes it, and hasn't yet.", details);
}

/** True if the manifest has an endpoint at the address, and at the port if that is known. */
export function hasEndpoint(manifest: Manifest, address: string, port: number): boolean {
  if (manifest.kind !== "ServiceEntry") return false;
  return (manifest.spec.endpoints ?? []).some((endpoint) =>
    endpoint.address?.toLowerCase() === address.toLowerCase() &&
    (port === 0 || Object.values(endpoint.ports ?? {}).includes(port))
  );
}

function finding(
  stage: StageName,
  code: ReasonCode,
  text: string,
  details: Readonly<Record<string, string>> = {},
): Finding {
  return { stage, code, text, details: { ...details } };
}
