import type { TraceQuestion } from "../../model/trace-question.ts";
import { instanceIn } from "../../model/trace-question.ts";
import type { Unit } from "../unit.ts";

/** A record of the registry that fits a question: an instance, or a service that has none. */
export interface FoundRecord {
  readonly unit: Unit;
  /** Where it is in the registry, as reports of unusable records write it. */
  readonly path: string;
  /** Of the instance; empty for a service without one. */
  readonly address: string;
  /** 0 if there is none. */
  readonly port: number;
  /** What the registry says of it that may explain why it isn't used, such as its status. */
  readonly state: string;
}

/** What of a record a question is held against. */
export interface RecordTraits {
  readonly address: string;
  readonly port: number;
  /** The names of its service or interface. */
  readonly names: readonly string[];
  readonly application: string;
}

/** A function that says whether a record fits a question. Names fit whatever their case. */
export function recordFilter({ by, text }: TraceQuestion): (record: RecordTraits) => boolean {
  if (by === "instance") {
    const { address, port } = instanceIn(text);
    return (record) =>
      record.address.toLowerCase() === address &&
      (port === undefined || record.port === 0 || record.port === port);
  }
  const wanted = lastPart(text).toLowerCase();
  if (by === "application") return ({ application }) => application.toLowerCase() === wanted;
  return ({ names }) =>
    names.some((name) => {
      const known = name.toLowerCase();
      return known === wanted ||
        (by === "host" && (wanted.startsWith(`${known}.`) || known.startsWith(`${wanted}.`)));
    });
}

/** The name in `<namespace>/<name>`. */
function lastPart(text: string): string {
  return text.slice(text.indexOf("/") + 1);
}
