import { z } from "zod";
import { DependencyDirection } from "../../../shared/api/dependencies.ts";
import type { Dependencies } from "../../../shared/api/dependencies.ts";
import { Refusal } from "../api/operation.ts";
import type { GraphReader } from "./read-graph.ts";

const text = () => z.string().min(1).max(253).optional();

/** What may be asked of the call graph: one of the two names, or none. */
export const DependencyQuery = z.object({
  application: text().meta({ description: "the name of an application" }),
  service: text().meta({
    description: "a Dubbo service's key, a name with or without its namespace, or a host",
  }),
  direction: DependencyDirection.default("dependants"),
  hops: z.coerce.number().int().min(1).max(10).default(3).meta({
    description: "how many calls are followed",
  }),
  limit: z.coerce.number().int().min(1).max(5_000).default(1_000).meta({
    description: "how many nodes are listed",
  }),
});

/**
 * What depends on an application or a service, or what it needs.
 * @throws Refusal for a name that isn't known, or for two
 */
export async function dependenciesOf(
  { application, service, direction, hops, limit }: z.output<typeof DependencyQuery>,
  reader: GraphReader,
): Promise<Dependencies> {
  if (application !== undefined && service !== undefined) {
    throw new Refusal(400, "ask for an application or for a service, not for both");
  }
  const graph = await reader.graph();
  const base = { direction, hops, applications: graph.applications, callers: graph.callers };
  if (application === undefined && service === undefined) {
    return { asked: null, ...base, ...graph.mostCalled(limit), sidecar: null };
  }
  const asked = application === undefined
    ? graph.serviceNamed(service ?? "")
    : graph.applicationNamed(application);
  if (asked === undefined) {
    const what = application === undefined ? `service ${service}` : `application ${application}`;
    throw new Refusal(404, `no ${what} is known: none provides or calls anything under that name`);
  }
  return {
    asked,
    ...base,
    ...graph.reach(asked, direction, hops, limit),
    sidecar: application === undefined ? null : reader.sidecarOf(application) ?? null,
  };
}
