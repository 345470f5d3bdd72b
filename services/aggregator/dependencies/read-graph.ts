import { serviceKeyOf } from "../../../shared/dubbo/dubbo-service.ts";
import { sidecarApplication, sidecarHosts } from "../../../shared/dubbo/dubbo-sidecar.ts";
import { networkingApiVersion, ServiceEntrySpec, SidecarSpec } from "../../../shared/model/manifest.ts";
import type { SidecarManifest } from "../../../shared/model/manifest.ts";
import { Turns } from "../../../shared/runtime/turns.ts";
import { CatalogueView } from "../catalogue/catalogue-view.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";
import { CallGraph } from "./call-graph.ts";
import type { GraphCaller, GraphService } from "./call-graph.ts";

/** The label of an endpoint that names a provider's application. */
const applicationLabel = "application";

/** How long one turn of reading lasts, in milliseconds. */
const turnMs = 5;

/**
 * Keeps the call graph of what is served. It is made when it is asked for, and again when something has changed; what a
 * resource tells is read once. It needs no entry log, so it is there when NATS isn't.
 */
export class GraphReader {
  readonly #cache: ResourceCache;
  readonly #services = new WeakMap<CachedResource, GraphService>();
  readonly #callers = new WeakMap<CachedResource, GraphCaller | null>();
  #made: { readonly of: string; readonly graph: CallGraph } | undefined;
  #making: Promise<CallGraph> | undefined;

  constructor(cache: ResourceCache) {
    this.#cache = cache;
  }

  /** The graph as it is now. Several who ask at a time wait for one. */
  async graph(): Promise<CallGraph> {
    if (this.#made?.of === this.#state) return this.#made.graph;
    this.#making ??= this.#make().finally(() => this.#making = undefined);
    return await this.#making;
  }

  /** The Sidecar of an application as it is served; undefined if it has none. */
  sidecarOf(application: string): SidecarManifest | undefined {
    for (const resource of this.#cache.allShown("Sidecar", CatalogueView.everything)) {
      if (this.#callerIn(resource)?.application === application) return sidecarIn(resource);
    }
    return undefined;
  }

  get #state(): string {
    return `${this.#cache.head("ServiceEntry")} ${this.#cache.head("Sidecar")}`;
  }

  async #make(): Promise<CallGraph> {
    const of = this.#state;
    const turns = new Turns(turnMs);
    // Between two turns the cache changes.
    const entries = [...this.#cache.allShown("ServiceEntry", CatalogueView.everything)];
    const sidecars = [...this.#cache.allShown("Sidecar", CatalogueView.everything)];
    const services: GraphService[] = [];
    for (const resource of entries) {
      if (turns.isOver) await turns.next();
      services.push(this.#serviceIn(resource));
    }
    const callers: GraphCaller[] = [];
    for (const resource of sidecars) {
      if (turns.isOver) await turns.next();
      const caller = this.#callerIn(resource);
      if (caller !== undefined) callers.push(caller);
    }
    const graph = new CallGraph(services, callers);
    this.#made = { of, graph };
    return graph;
  }

  #serviceIn(resource: CachedResource): GraphService {
    let service = this.#services.get(resource);
    if (service === undefined) this.#services.set(resource, service = serviceIn(resource));
    return service;
  }

  #callerIn(resource: CachedResource): GraphCaller | undefined {
    let caller = this.#callers.get(resource);
    if (caller === undefined) this.#callers.set(resource, caller = callerIn(resource) ?? null);
    return caller ?? undefined;
  }
}

function serviceIn(resource: CachedResource): GraphService {
  const { namespace, name, labels, annotations, spec: json } = decodeResource(
    "ServiceEntry",
    resource.framed,
  );
  const spec = ServiceEntrySpec.parse(json);
  const providers = new Set<string>();
  for (const endpoint of spec.endpoints ?? []) {
    const application = endpoint.labels?.[applicationLabel];
    if (application !== undefined && application !== "") providers.add(application);
  }
  const metadata = { namespace, name, labels, annotations };
  return {
    id: `service:${resource.name}`,
    name: serviceKeyOf({ apiVersion: networkingApiVersion, kind: "ServiceEntry", metadata, spec }),
    service: resource.name,
    hosts: spec.hosts,
    providers: [...providers],
  };
}

function sidecarIn(resource: CachedResource): SidecarManifest {
  const { namespace, name, labels, annotations, spec } = decodeResource("Sidecar", resource.framed);
  return {
    apiVersion: networkingApiVersion,
    kind: "Sidecar",
    metadata: { namespace, name, labels, annotations },
    spec: SidecarSpec.parse(spec),
  };
}

function callerIn(resource: CachedResource): GraphCaller | undefined {
  const sidecar = sidecarIn(resource);
  const application = sidecarApplication(sidecar.metadata);
  return application === undefined ? undefined : { application, hosts: sidecarHosts(sidecar) };
}
