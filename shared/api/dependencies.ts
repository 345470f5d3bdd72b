import { z } from "zod";

/** Which applications call which services, as far as the catalogue tells. */

/** An application, or a service that it provides or calls. */
export const DependencyNode = z.object({
  id: z.string().meta({
    description: "stable: application:<name>, service:<namespace>/<name> or host:<host>",
  }),
  kind: z.enum(["application", "service"]),
  name: z.string().meta({ description: "of a Dubbo service its key, interface:group:version" }),
  service: z.string().nullable().meta({
    description: "<namespace>/<name> of the served entry; null for an application, or if there is none",
  }),
  hop: z.int().meta({ description: "how many calls away from what was asked for" }),
  providers: z.int().meta({ description: "how many applications provide the service; 0 for an application" }),
  consumers: z.int().meta({ description: "how many applications call it directly" }),
});
export type DependencyNode = z.infer<typeof DependencyNode>;

/** `from` needs `to`: an application the service that it calls, a service the application that provides it. */
export const DependencyEdge = z.object({ from: z.string(), to: z.string() });
export type DependencyEdge = z.infer<typeof DependencyEdge>;

/** Which way is followed from what was asked for. */
export const DependencyDirection = z.enum(["dependants", "dependencies"]).meta({
  description: "dependants: what breaks if it goes (default); dependencies: what it needs",
});
export type DependencyDirection = z.infer<typeof DependencyDirection>;

/** What depends on something, or what it needs; without a question, what is called the most. */
export const Dependencies = z.object({
  asked: z.string().nullable().meta({ description: "the id of what was asked for; null: nothing" }),
  direction: DependencyDirection,
  hops: z.int(),
  applications: z.int().meta({ description: "how many applications are known in all" }),
  callers: z.int().meta({
    description:
      "how many of them have a Sidecar, which says what they call; of the others calls aren't known",
  }),
  nodes: z.array(DependencyNode).meta({
    description: "by hop; without a question by the number of consumers",
  }),
  left: z.int().meta({ description: "how many more nodes there are than are listed" }),
  edges: z.array(DependencyEdge),
  sidecar: z.unknown().meta({ description: "the Sidecar of the application that was asked for; null: none" }),
});
export type Dependencies = z.infer<typeof Dependencies>;
