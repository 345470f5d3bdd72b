import { expect, vi } from "vitest";
import { z } from "zod";
import { startService } from "../end-to-end/services.ts";
import type { Service } from "../end-to-end/services.ts";
import { startEnvoy, startIstiodForEnvoy } from "../servers/envoy.ts";
import type { Envoy } from "../servers/envoy.ts";
import type { Istiod, IstiodVersion } from "../servers/istiod.ts";
import { startNats } from "../servers/nats.ts";
import type { NatsServer } from "../servers/nats.ts";
import type { MeshRegistry } from "./registries.ts";
import { requestHttp, requestTcp } from "./requests.ts";

/** How to run a {@link Mesh}. */
export interface MeshOptions {
  readonly istiod: IstiodVersion;
  readonly shards: number;
  /** They are not the mesh's own: whoever started them ends them. */
  readonly registries: readonly MeshRegistry[];
}

/** What tests use of a ServiceEntry that istiod has. */
const Entry = z.object({ hosts: z.array(z.string()), addresses: z.array(z.string()).default([]) });

/**
 * The whole chain, each part a process of its own: collectors of simulated registries, NATS JetStream, an aggregator, a
 * stock istiod, and an Envoy as its sidecar.
 */
export class Mesh implements AsyncDisposable {
  readonly nats: NatsServer;
  /** In the order of the registries. */
  readonly collectors: readonly Service[];
  readonly aggregator: Service;
  readonly istiod: Istiod;
  readonly envoy: Envoy;
  readonly #stack: AsyncDisposableStack;
  readonly #addresses = new Map<string, string>();

  private constructor(
    parts: Pick<Mesh, "nats" | "collectors" | "aggregator" | "istiod" | "envoy">,
    stack: AsyncDisposableStack,
  ) {
    this.nats = parts.nats;
    this.collectors = parts.collectors;
    this.aggregator = parts.aggregator;
    this.istiod = parts.istiod;
    this.envoy = parts.envoy;
    this.#stack = stack;
  }

  /** Starts everything, and waits until Envoy has what the registries had at the start. */
  static async start({ istiod: version, shards, registries }: MeshOptions): Promise<Mesh> {
    await using stack = new AsyncDisposableStack();
    const nats = stack.use(await startNats());
    const config = { nats: { servers: [nats.url] } };
    const collectors = await Promise.all(
      registries.map(async (registry) =>
        stack.use(await startService(registry.collector, { ...config, ...registry.config }))
      ),
    );
    const sections = Object.assign({}, config, ...registries.map((registry) => registry.config));
    const aggregator = stack.use(await startService("aggregator", sections, shards));
    await vi.waitFor(async () => expect(await aggregator.isReady()).toBe(true), { timeout: 60_000 });
    const istiod = stack.use(
      await startIstiodForEnvoy({ version, mcpAddresses: xdsAddresses(aggregator, shards) }),
    );
    const envoy = stack.use(await startEnvoy(istiod));
    return new Mesh({ nats, collectors, aggregator, istiod, envoy }, stack.move());
  }

  /**
   * Sends a request to a service of a registry through an Envoy, by default the mesh's own.
   * @returns the name of the instance that answered
   * @throws Error if nobody did
   */
  async request(registry: MeshRegistry, service: string, envoy: Envoy = this.envoy): Promise<string> {
    const { protocol, servicePort } = registry;
    const host = registry.hostOf(service);
    return protocol === "HTTP"
      ? await requestHttp(envoy, host, servicePort)
      : await requestTcp(envoy, await this.#addressOf(host), servicePort);
  }

  /** The virtual address of a TCP service. It never changes, so istiod is asked once. */
  async #addressOf(host: string): Promise<string> {
    const known = this.#addresses.get(host);
    if (known !== undefined) return known;
    for (const { spec } of await this.istiod.configz("ServiceEntry")) {
      const { hosts, addresses: [address] } = Entry.parse(spec);
      if (address !== undefined) { for (const each of hosts) this.#addresses.set(each, address); }
    }
    const address = this.#addresses.get(host);
    if (address === undefined) throw new Error(`istiod has no address for ${host}`);
    return address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

function xdsAddresses({ xdsAddress }: Service, shards: number): readonly string[] {
  const port = Number(xdsAddress.split(":")[1]);
  return Array.from({ length: shards }, (_, index) => `127.0.0.1:${port + index}`);
}
