import type {
  DependencyDirection,
  DependencyEdge,
  DependencyNode,
} from "../../../shared/api/dependencies.ts";

/** A service with the applications that provide it. */
export interface GraphService {
  readonly id: string;
  /** For people: a Dubbo service's key, or the entry's name. */
  readonly name: string;
  /** `<namespace>/<name>`. */
  readonly service: string;
  readonly hosts: readonly string[];
  readonly providers: readonly string[];
}

/** An application and the hosts that its Sidecar names. */
export interface GraphCaller {
  readonly application: string;
  readonly hosts: readonly string[];
}

/** What was found, and how much more there is. */
export interface Reached {
  readonly nodes: DependencyNode[];
  readonly edges: DependencyEdge[];
  readonly left: number;
}

interface Vertex {
  readonly node: Omit<DependencyNode, "hop" | "providers" | "consumers">;
  /** What it needs: an application services, a service its providers. */
  readonly needs: Set<Vertex>;
  readonly neededBy: Set<Vertex>;
}

/** Applications and services, and who needs whom. Pure. */
export class CallGraph {
  readonly #vertices = new Map<string, Vertex>();
  readonly #byName = new Map<string, Vertex>();
  /** How many applications are known. */
  readonly applications: number;
  /** How many of them say what they call. */
  readonly callers: number;

  constructor(services: Iterable<GraphService>, callers: Iterable<GraphCaller>) {
    const byHost = new Map<string, Vertex>();
    for (const { id, name, service, hosts, providers } of services) {
      const vertex = this.#vertex(id, { kind: "service", name, service });
      for (const host of hosts) byHost.set(host, vertex);
      for (const key of [name, service, service.slice(service.indexOf("/") + 1), ...hosts]) {
        if (!this.#byName.has(key)) this.#byName.set(key, vertex);
      }
      for (const provider of providers) link(vertex, this.#application(provider));
    }
    let known = 0;
    for (const { application, hosts } of callers) {
      known++;
      const caller = this.#application(application);
      for (const host of hosts) {
        const called = byHost.get(host) ??
          this.#vertex(`host:${host}`, { kind: "service", name: host, service: null });
        // What an application provides itself is in its Sidecar, too, and no dependency.
        if (!called.needs.has(caller)) link(caller, called);
      }
    }
    this.callers = known;
    this.applications = [...this.#vertices.values()].filter(({ node }) => node.kind === "application").length;
  }

  /** The id of an application; undefined if there is none of that name. */
  applicationNamed(name: string): string | undefined {
    const id = `application:${name}`;
    return this.#vertices.has(id) ? id : undefined;
  }

  /** The id of a service, by its key, its name (with or without the namespace) or a host. */
  serviceNamed(name: string): string | undefined {
    return (this.#vertices.get(`host:${name}`) ?? this.#byName.get(name))?.node.id;
  }

  /**
   * What needs the start, directly and through others, or what it needs. A call is a hop: a service has the hop of the
   * application that provides it. The nearest come first; beyond `limit` nodes are only counted.
   */
  reach(start: string, direction: DependencyDirection, hops: number, limit: number): Reached {
    const first = this.#vertices.get(start);
    if (first === undefined) return { nodes: [], edges: [], left: 0 };
    const hopOf = new Map<Vertex, number>([[first, 0]]);
    for (const [vertex, hop] of hopOf) {
      for (const next of direction === "dependants" ? vertex.neededBy : vertex.needs) {
        // Only a call is a hop: it is between an application and a service that isn't its own.
        const caller = direction === "dependants" ? next : vertex;
        const nextHop = caller.node.kind === "application" ? hop + 1 : hop;
        if (nextHop <= hops && !hopOf.has(next)) hopOf.set(next, nextHop);
      }
    }
    const found = [...hopOf].sort(([, a], [, b]) => a - b);
    const listed = new Set(found.slice(0, limit).map(([vertex]) => vertex));
    const edges: DependencyEdge[] = [];
    for (const vertex of listed) {
      for (const needed of vertex.needs) {
        if (listed.has(needed)) edges.push({ from: vertex.node.id, to: needed.node.id });
      }
    }
    return {
      nodes: found.slice(0, limit).map(([vertex, hop]) => nodeOf(vertex, hop)),
      edges,
      left: found.length - listed.size,
    };
  }

  /** What most applications call, the most called first. */
  mostCalled(limit: number): Reached {
    const all = Array.from(this.#vertices.values(), (vertex) => nodeOf(vertex, 0))
      .sort((a, b) => b.consumers - a.consumers || (a.id < b.id ? -1 : 1));
    return { nodes: all.slice(0, limit), edges: [], left: Math.max(0, all.length - limit) };
  }

  #application(name: string): Vertex {
    return this.#vertex(`application:${name}`, { kind: "application", name, service: null });
  }

  #vertex(id: string, node: Omit<Vertex["node"], "id">): Vertex {
    let vertex = this.#vertices.get(id);
    if (vertex === undefined) {
      vertex = { node: { id, ...node }, needs: new Set(), neededBy: new Set() };
      this.#vertices.set(id, vertex);
    }
    return vertex;
  }
}

function link(from: Vertex, to: Vertex): void {
  from.needs.add(to);
  to.neededBy.add(from);
}

function nodeOf(vertex: Vertex, hop: number): DependencyNode {
  const { node, needs, neededBy } = vertex;
  if (node.kind === "service") return { ...node, hop, providers: needs.size, consumers: neededBy.size };
  const consumers = new Set<Vertex>();
  for (const service of neededBy) for (const caller of service.neededBy) consumers.add(caller);
  consumers.delete(vertex);
  return { ...node, hop, providers: 0, consumers: consumers.size };
}
