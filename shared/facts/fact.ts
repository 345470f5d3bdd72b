import { z } from "zod";
import { readJson } from "../model/read-json.ts";

/**
 * What Kubernetes knows of the pod behind an address, and of the node that it runs on. Facts travel on a stream of
 * their own, see `fact-subject.ts`; collectors of other registries lay them over their endpoints (`labelPatch`).
 */

const Labels = z.record(z.string(), z.string());

/** A pod that has addresses of its own, as it stands on the stream. Its namespace and name are in the subject. */
export const PodFact = z.object({
  /** Addresses of the pod, as Kubernetes writes them; one for each family. */
  ips: z.array(z.string()).min(1),
  /** Name of its node; empty: not known. */
  node: z.string().default(""),
  /** Its service account; empty: not known. */
  account: z.string().default(""),
  labels: Labels.default({}),
  /** `creationTimestamp` in seconds since 1970: of two pods that claim an address the later one has it. */
  created: z.number().default(0),
  /** True once it has been told to end: a pod that claims its address and stays has it. */
  ending: z.literal(true).optional(),
});
export type PodFact = z.output<typeof PodFact>;

/** A node, as it stands on the stream. Its name is in the subject. */
export const NodeFact = z.object({
  labels: Labels.default({}),
  /** `creationTimestamp` in seconds since 1970. */
  created: z.number().default(0),
});
export type NodeFact = z.output<typeof NodeFact>;

/** Says that all pods and nodes that a cluster had at some moment are on the stream. */
export const SyncedFact = z.object({
  /** New each time: a stream that was rolled back shows earlier ones again. */
  id: z.string(),
  pods: z.number(),
  nodes: z.number(),
  /** RFC 3339, for people. */
  at: z.string(),
});
export type SyncedFact = z.output<typeof SyncedFact>;

/** Who may publish the facts of a cluster; the sequence of this message is the fence. */
export const FactsTerm = z.object({ id: z.string(), member: z.string(), at: z.string() });
export type FactsTerm = z.output<typeof FactsTerm>;

/** A sign of life of the publisher, renewed each second. */
export const FactsLease = z.object({ member: z.string(), beat: z.number() });
export type FactsLease = z.output<typeof FactsLease>;

/** Decodes a message; undefined for what isn't one of ours. */
export function readFact<Schema extends z.ZodType>(
  schema: Schema,
  data: Uint8Array,
): z.output<Schema> | undefined {
  return schema.safeParse(readJson(data)).data;
}

/** Encodes a fact: what has its default is left out, because there may be 100,000 of them. */
export function podFactBytes({ ips, node, account, labels, created, ending }: PodFact): Uint8Array {
  return Buffer.from(JSON.stringify({
    ips,
    ...(node !== "" && { node }),
    ...(account !== "" && { account }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(created !== 0 && { created }),
    ...(ending === true && { ending }),
  }));
}

/** See {@link podFactBytes}. */
export function nodeFactBytes({ labels, created }: NodeFact): Uint8Array {
  return Buffer.from(JSON.stringify({ labels, ...(created !== 0 && { created }) }));
}
