import type { Rejection } from "../../../shared/api/services.ts";
import { decodeSubject } from "../../../shared/model/subject.ts";
import type { Rejection as Rejected } from "../ingest/serving.ts";
import { sourceKey } from "../ingest/sync-gate.ts";

/** A rejection with the parts of its subject. */
export function rejectionOf(subject: string, { violations, serving, until }: Rejected): Rejection {
  const id = decodeSubject(subject);
  return {
    subject,
    kind: id?.kind ?? "",
    source: id === undefined ? "" : sourceKey(id.registry, id.source),
    name: id === undefined ? subject : `${id.namespace}/${id.name}`,
    serving,
    until: until ?? null,
    violations: violations.map(({ rule, severity, path, message }) => ({ rule, severity, path, message })),
  };
}
