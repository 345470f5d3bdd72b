import { randomUUID } from "node:crypto";
import { z } from "zod";
import { readJson } from "./read-json.ts";

/**
 * Says which replicas of a collector share a source from here on. It lies on the same stream as the source's entries,
 * so everything stored before it was published under an earlier term, and the sequence of this message is the fencing
 * token of the term: a publish that expects another one is refused by the server, however long it was on its way.
 */
export const Term = z.object({
  apiVersion: z.literal("meshregistry.io/v1"),
  kind: z.literal("Term"),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    registry: z.string(),
    source: z.string(),
    /** New with every term: sequences and numbers of a recreated stream repeat. */
    id: z.string(),
    /** Counts up, for people; the order of terms is that of the stream. */
    number: z.number().int(),
    /** The replicas, sorted. Which units a replica owns follows from this list alone. */
    members: z.array(z.string()).min(1),
    /** RFC 3339, for people. */
    at: z.string(),
  }),
});
export type Term = z.infer<typeof Term>;

/** A new term of a source. */
export function createTerm(
  registry: string,
  source: string,
  number: number,
  members: Iterable<string>,
): Term {
  return {
    apiVersion: "meshregistry.io/v1",
    kind: "Term",
    metadata: { name: `${registry}.${source}` },
    spec: {
      registry,
      source,
      id: randomUUID(),
      number,
      members: [...members].sort(),
      at: new Date().toISOString(),
    },
  };
}

/** The term in a message; undefined for what isn't one. */
export function readTerm(data: Uint8Array): Term | undefined {
  return Term.safeParse(readJson(data)).data;
}
