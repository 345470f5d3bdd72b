import type { CollectorAnswer, HeldQuestion, TraceQuestion } from "../../model/trace-question.ts";
import { instanceIn } from "../../model/trace-question.ts";
import { readManifest } from "../published-entry.ts";
import type { PublishedState } from "../published-state.ts";
import type { RegistryView } from "../registry.ts";
import type { SourceParts } from "../source-parts.ts";
import { explain, hasEndpoint } from "./explain.ts";
import type { FoundRecord } from "./found-record.ts";
import { heldFindings } from "./held-findings.ts";

/** The parts of a source's collector that a question is put to. */
export type AskedParts =
  & Pick<SourceParts, "view" | "publisher" | "records" | "share" | "state" | "vet">
  & { readonly registry: string; readonly source: string };

/** Maximum number of records that are looked for: a service may have thousands, and one is like the other. */
const maxFound = 10;

/**
 * Makes the function that says what a source's collector knows of an instance or a service. It converts the few units
 * that were found, and no other.
 */
export function sourceAnswer(
  parts: AskedParts,
): (question: TraceQuestion | HeldQuestion) => Pick<CollectorAnswer, "owns" | "findings"> {
  return (question) =>
    question.by === "held" ? { owns: true, findings: heldFindings(parts) } : answerOf(question, parts);
}

function answerOf(
  question: TraceQuestion,
  { registry, source, view, publisher, records, share, state, vet }: AskedParts,
): Pick<CollectorAnswer, "owns" | "findings"> {
  // What another replica reads is for that one to explain.
  const found = [...view.find?.(question, maxFound) ?? namedUnits(question, view, state)]
    .filter(({ unit }) => view.shareReader?.knows(unit) !== false);
  const held = publisher.held();
  const findings = explain(question, {
    registry,
    source,
    isComplete: view.isComplete,
    error: view.error,
    found,
    converted: (unit) => {
      const made = view.convert(unit);
      return { made, vetted: vet(unit, made) };
    },
    get unusable() {
      return records.shown;
    },
    heldMs: (subject) => held.get(subject),
    refusal: (subject) => publisher.refusals.get(subject),
    published: (subject) => {
      const entry = state.entries.get(subject);
      return entry === undefined ? undefined : readManifest(entry.data);
    },
    owns: (unit) => share.owns(unit),
  });
  return { owns: found.some(({ unit }) => share.owns(unit)), findings };
}

/** For views that can't look for records: units by their name, and instances by what is published of them. */
function* namedUnits(
  { by, text }: TraceQuestion,
  view: RegistryView,
  state: PublishedState,
): Iterable<FoundRecord> {
  const { address, port = 0 } = instanceIn(text);
  if (by === "instance") {
    const bytes = Buffer.from(JSON.stringify(address));
    for (const { data, unit } of state.entries.values()) {
      if (!Buffer.from(data.buffer, data.byteOffset, data.byteLength).includes(bytes)) continue;
      const manifest = readManifest(data);
      if (manifest === undefined || unit === undefined || !hasEndpoint(manifest, address, port)) continue;
      yield { unit, path: `${unit}: ${text}`, address, port, state: "" };
    }
    return;
  }
  const wanted = text.slice(text.indexOf("/") + 1).toLowerCase();
  let left = maxFound;
  for (const unit of view.units()) {
    const name = unit.slice(unit.lastIndexOf("/") + 1).toLowerCase();
    if (name !== wanted && !(by === "host" && wanted.startsWith(`${name}.`))) continue;
    yield { unit, path: unit, address: "", port: 0, state: "" };
    if (--left === 0) return;
  }
}
