import type { Manifest, WorkloadEntry } from "../model/manifest.ts";

/**
 * What is published while losses are held: everything that the registry shows now, and the endpoints of `held` (the
 * content when the hold began) that it no longer shows. New instances are thus served at once.
 */
export function mergeHeld(held: Manifest, now: Manifest): Manifest {
  if (held.kind !== "ServiceEntry" || now.kind !== "ServiceEntry") return now;
  const shown = new Set(now.spec.endpoints?.map(endpointKey));
  const missing = held.spec.endpoints?.filter((endpoint) => !shown.has(endpointKey(endpoint))) ?? [];
  if (missing.length === 0) return now;
  const ports = [...now.spec.ports ?? []];
  const numbers = new Set(ports.map(({ number }) => number));
  for (const port of held.spec.ports ?? []) if (!numbers.has(port.number)) ports.push(port);
  ports.sort((a, b) => a.number - b.number);
  const names = ports.map(({ name }) => name);
  const endpoints = [...now.spec.endpoints ?? [], ...missing].map((endpoint) => answerOn(names, endpoint));
  return { ...now, spec: { ...now.spec, ports, endpoints } };
}

/** An instance listens on one port, whatever the names under which it is reached. */
function endpointKey({ address = "", ports = {} }: WorkloadEntry): string {
  return `${address} ${Object.values(ports)[0] ?? ""}`;
}

/** The endpoint with an entry for every service port: for those that it lacks, the port that it listens on. */
function answerOn(names: readonly string[], endpoint: WorkloadEntry): WorkloadEntry {
  const known = endpoint.ports ?? {};
  const [own] = Object.values(known);
  if (own === undefined || names.every((name) => known[name] !== undefined)) return endpoint;
  return { ...endpoint, ports: Object.fromEntries(names.map((name) => [name, known[name] ?? own])) };
}
