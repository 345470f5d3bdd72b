import { fromBinary } from "@bufbuild/protobuf";
import { ResourceSchema } from "../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import { ServiceEntrySchema } from "../../protos/gen/istio/networking/v1alpha3/service_entry_pb.ts";
import { deltaDialect } from "../../services/meshctl/clients/delta-client.ts";
import type { TypeUpdate } from "../../services/meshctl/clients/type-update.ts";
import { xdsClient } from "../../services/meshctl/clients/xds-client.ts";

const typeUrl = "networking.istio.io/v1/ServiceEntry";

/** A Delta client that remembers which endpoints ever went, and which hosts were without any, or removed. */
export class DeltaObserver implements AsyncDisposable {
  /** Sorted `address:port` of the endpoints, by host. */
  readonly view = new Map<string, readonly string[]>();
  /** Hosts that had endpoints, and then had none, or were gone. */
  readonly lostHosts = new Set<string>();
  /** `host address:port` of endpoints that were there, and then weren't, if for a moment. */
  readonly lostEndpoints = new Set<string>();
  readonly #names = new Map<string, { readonly version: string; readonly hosts: readonly string[] }>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(address: string) {
    this.#running = xdsClient(deltaDialect)({
      address,
      typeUrls: [typeUrl],
      revision: undefined,
      tls: undefined,
      held: () => Object.fromEntries(Array.from(this.#names, ([name, { version }]) => [name, version])),
      onUpdate: (update) => this.#take(update),
      onNote: () => undefined,
    }, this.#stop.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #take({ resources, removed }: TypeUpdate): void {
    for (const name of removed) {
      for (const host of this.#names.get(name)?.hosts ?? []) this.#set(host, undefined);
      this.#names.delete(name);
    }
    for (const { name, version, bytes } of resources) {
      const body = fromBinary(ResourceSchema, bytes).body?.value ?? new Uint8Array();
      const { hosts, endpoints } = fromBinary(ServiceEntrySchema, body);
      const addresses = endpoints.map(({ address, ports }) => `${address}:${Object.values(ports)[0]}`).sort();
      this.#names.set(name, { version, hosts });
      for (const host of hosts) this.#set(host, addresses);
    }
  }

  #set(host: string, addresses: readonly string[] | undefined): void {
    const before = this.view.get(host) ?? [];
    if (before.length > 0 && (addresses ?? []).length === 0) this.lostHosts.add(host);
    for (const one of before) if (addresses?.includes(one) !== true) this.lostEndpoints.add(`${host} ${one}`);
    if (addresses === undefined) this.view.delete(host);
    else this.view.set(host, addresses);
  }
}
