import { allSubjects, encodeSubject } from "../../../../shared/model/subject.ts";

/** The parts of a subject that a user may name; what is undefined matches anything. */
export interface SubjectParts {
  readonly registry?: string | undefined;
  readonly namespace?: string | undefined;
  /** A resource's name; `com.acme.>` is all names below. */
  readonly name?: string | undefined;
}

/** The subject filter for these parts: `mesh.entries.*.eureka.*.shop.>`. Only `>` at the end of a name is a wildcard. */
export function subjectFilter({ registry, namespace, name }: SubjectParts): string {
  if (registry === undefined && namespace === undefined && name === undefined) return allSubjects;
  const below = name?.endsWith(".>") === true;
  const [mesh, entries, , registryToken, , namespaceToken, ...nameTokens] = encodeSubject({
    kind: "any",
    registry: registry ?? "",
    source: "any",
    namespace: namespace ?? "",
    name: (below ? name.slice(0, -2) : name) ?? "",
  }).split(".");
  return [
    mesh,
    entries,
    "*",
    registry === undefined ? "*" : registryToken,
    "*",
    namespace === undefined ? "*" : namespaceToken,
    ...(name === undefined ? [">"] : nameTokens),
    ...(below ? [">"] : []),
  ].join(".");
}
