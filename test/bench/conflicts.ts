import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ResourceCache } from "../../services/aggregator/catalogue/cache.ts";
import { presentResource } from "../../services/aggregator/output-stage/present.ts";
import { ResponseBuilder } from "../../services/aggregator/xds/response-builder.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { decodeSubject, encodeSubject } from "../../shared/model/subject.ts";
import { converter, sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import type { Measurement } from "./measurement.ts";
import { median, timed } from "./stopwatch.ts";

/** Changes of each round, each of another service. */
const changes = 1000;
const rounds = 5;

/** Where the second entry of a service is: under the host of the first, or under one of its own. */
type Hosts = "shared" | "own";

/** What a host in two registries costs, beside the same entries with a host each. */
export const conflicts: Measurement = {
  name: "conflicts",
  about: "10,000 services of which half stand in two registries: a change, and memory",
  async run({ quick, report, progress }) {
    const size: CatalogueSize = { services: quick ? 500 : 10_000, instances: 10 };
    const collect = garbageCollector();
    const row = (what: string, figure: number, unit: string) =>
      report({ what: `conflicts: ${what}`, size: sizeText(size), figure, unit });
    const figures = new Map<string, number>();
    // In a function of its own, so that nothing holds the one when the other is measured.
    const measure = async (hosts: Hosts) => {
      progress(`hosts ${hosts}`);
      collect();
      const before = heldBytes();
      const world = new Loaded(size, hosts);
      world.join();
      collect();
      const memory = (heldBytes() - before) / 2 ** 20;
      figures.set(`memory ${hosts}`, memory);
      row(`memory, hosts ${hosts}`, memory, "MiB");
      for (const which of ["in two registries", "in one registry"] as const) {
        const first = which === "in one registry" ? size.services / 2 : 0;
        for (const joins of [false, true]) {
          const work = joins ? "a change and its response" : "a change";
          const perChange = await world.change(first, joins);
          figures.set(`${work} ${which} ${hosts}`, perChange);
          row(`${work}, of a service ${which}, hosts ${hosts}`, perChange, "CPU µs");
        }
      }
    };
    await measure("own");
    await measure("shared");
    for (const [key, figure] of figures) {
      if (!key.endsWith(" shared")) continue;
      const what = key.slice(0, -" shared".length);
      row(`${what}, shared / own`, figure / (figures.get(`${what} own`) ?? Number.NaN), "times");
    }
  },
};

/** A cache with the entries of two registries: all services in the first, half of them in the second, too. */
class Loaded {
  readonly #size: CatalogueSize;
  readonly #convert = converter();
  readonly #hosts: Hosts;
  readonly #cache = new ResourceCache();
  readonly #builder = new ResponseBuilder(this.#cache, "bench");
  #sequence = 0;

  constructor(size: CatalogueSize, hosts: Hosts) {
    this.#size = size;
    this.#hosts = hosts;
    for (let service = 0; service < size.services; service++) {
      this.#put(this.#message(service, "eureka", 0));
      if (service < size.services / 2) this.#put(this.#message(service, "zookeeper", 0));
    }
  }

  /** Changes an endpoint of services from `first` on. Returns the median of the rounds, CPU µs per change. */
  async change(first: number, joins: boolean): Promise<number> {
    const perChange: number[] = [];
    const count = Math.min(joins ? changes / 10 : changes, this.#size.services / 2);
    for (let round = 1; round <= rounds; round++) {
      const messages = Array.from(
        { length: count },
        (_, index) => this.#message(first + index, "eureka", ++this.#sequence),
      );
      const { cpuMs } = await timed(() => {
        for (const message of messages) {
          this.#put(message);
          if (joins) this.join();
        }
      });
      perChange.push(cpuMs * 1000 / count);
    }
    return median(perChange);
  }

  /** The complete response for a state-of-the-world client. */
  join(): number {
    this.#builder.invalidate("ServiceEntry");
    const response = {
      typeUrl: "networking.istio.io/v1/ServiceEntry",
      kind: "ServiceEntry",
      version: this.#builder.version("ServiceEntry"),
      names: [],
      nonce: this.#builder.nonce("ServiceEntry"),
    } as const;
    return this.#builder.build(response).message.reduce((sum, piece) => sum + piece.length, 0);
  }

  /** The message of a service of one registry, whose first endpoint has the port of its version. */
  #message(service: number, registry: "eureka" | "zookeeper", version: number) {
    const [manifest] = this.#convert(service, this.#size.instances);
    if (manifest === undefined) throw new Error("nothing was converted");
    const entry = registry === "eureka" ? manifest : inSecondRegistry(manifest, this.#hosts);
    const { spec, metadata } = entry;
    const [first, ...others] = spec.endpoints ?? [];
    const ports = Object.fromEntries((spec.ports ?? []).map(({ name }) => [name, 8080 + version % 1000]));
    const changed = { ...entry, spec: { ...spec, endpoints: [{ ...first, ports }, ...others] } };
    const id = {
      kind: "ServiceEntry",
      registry,
      source: "default",
      namespace: registry,
      name: metadata.name,
    };
    return { subject: encodeSubject(id), data: Buffer.from(JSON.stringify(changed)) };
  }

  #put({ subject, data }: { readonly subject: string; readonly data: Uint8Array }): void {
    const id = decodeSubject(subject);
    const cursor = `s-${String(++this.#sequence).padStart(16, "0")}`;
    const resource = id && presentResource(subject, id, cursor, data, "istio").resource;
    if (resource === undefined) throw new Error(`${subject} can't be served`);
    this.#cache.put("ServiceEntry", resource);
  }
}

/** The same service as another registry has it, with instances of its own. */
function inSecondRegistry(manifest: ServiceEntryManifest, hosts: Hosts): ServiceEntryManifest {
  const { metadata, spec } = manifest;
  return {
    ...manifest,
    metadata: { ...metadata, namespace: "zookeeper", labels: { ...metadata.labels, registry: "zookeeper" } },
    spec: {
      ...spec,
      hosts: hosts === "shared" ? spec.hosts : spec.hosts.map((host) => `zk-${host}`),
      endpoints: (spec.endpoints ?? []).map((endpoint) => ({
        ...endpoint,
        address: endpoint.address?.replace(/^10\./, "11."),
      })),
    },
  };
}

function heldBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new TypeError("V8 has no gc()");
  return () => {
    collect();
    collect();
  };
}
