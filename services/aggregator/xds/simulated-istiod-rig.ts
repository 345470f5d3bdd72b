import type { DiscoveryResponse } from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { nodeOf, openStream, unwrapped } from "./grpc-client-rig.ts";

const typeUrl = "networking.istio.io/v1/ServiceEntry";

/** One of its `configSources`. */
interface Source {
  names: ReadonlySet<string>;
  responses: number;
}

/**
 * A stock istiod as far as several `configSources` go: each source replaces its own set only, a lost stream keeps what
 * it brought. It notes what it ever lacked after it had it.
 */
export class SimulatedIstiod {
  readonly sources: Source[] = [];
  readonly lost = new Set<string>();

  /** Connects its sources, anew if it has them, from the one at place `first` on. */
  connect(addresses: readonly string[], first = 0): void {
    for (const [index, address] of addresses.entries()) {
      const source = this.sources[first + index] ??= { names: new Set(), responses: 0 };
      const call = openStream(address);
      call.send({ typeUrl, node: nodeOf(), responseNonce: new Date().toISOString() });
      void (async () => {
        for (;;) {
          const response = await call.next();
          this.#take(source, response);
          call.send({
            typeUrl,
            node: nodeOf(),
            versionInfo: response.versionInfo,
            responseNonce: response.nonce,
          });
        }
      })();
    }
  }

  /** All that it has. */
  get names(): ReadonlySet<string> {
    return new Set(this.sources.flatMap(({ names }) => [...names]));
  }

  /** How many responses each source has brought. */
  get responses(): readonly number[] {
    return this.sources.map(({ responses }) => responses);
  }

  /** How many names each source has. */
  get sizes(): readonly number[] {
    return this.sources.map(({ names }) => names.size);
  }

  #take(source: Source, response: DiscoveryResponse): void {
    const before = this.names;
    source.names = new Set(unwrapped(response.resources).map(({ metadata }) => metadata?.name ?? ""));
    source.responses++;
    const after = this.names;
    for (const name of before) if (!after.has(name)) this.lost.add(name);
  }
}
