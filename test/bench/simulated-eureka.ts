import { setTimeout as delay } from "node:timers/promises";
import { EurekaRegistry } from "../../shared/simulators/eureka/registry.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { serviceName, springInstance } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { sharedClockMs } from "./stopwatch.ts";

/**
 * How long changes stay in the delta, in milliseconds. A real server keeps them for three minutes; here that would put
 * the registration of the whole catalogue into every delta of the run.
 */
const retentionMs = 10_000;

/** One change, and when the first answer was made that shows it. */
interface Change {
  readonly atMs: number;
  answeredAtMs: number | undefined;
}

/** Notes when an answer first shows a change, by the shared clock. */
class WatchedRegistry extends EurekaRegistry {
  readonly changes = new Map<string, Change>();

  override all(): unknown {
    this.#noteAnswer();
    return super.all();
  }

  override delta(): unknown {
    this.#noteAnswer();
    return super.delta();
  }

  #noteAnswer(): void {
    const now = sharedClockMs();
    for (const change of this.changes.values()) change.answeredAtMs ??= now;
  }
}

/** The demo's Eureka with a large catalogue, in this process. */
export class SimulatedEureka implements AsyncDisposable {
  readonly #registry: WatchedRegistry;
  readonly #server: EurekaServer;
  readonly url: string;

  private constructor(registry: WatchedRegistry, server: EurekaServer, url: string) {
    this.#registry = registry;
    this.#server = server;
    this.url = url;
  }

  /** Registers the catalogue, and waits until its registration is no change any more. */
  static async start({ services, instances }: CatalogueSize): Promise<SimulatedEureka> {
    const registry = new WatchedRegistry(retentionMs);
    for (let service = 0; service < services; service++) {
      for (let instance = 0; instance < instances; instance++) {
        registry.register(serviceName(service), springInstance(service, instance));
      }
    }
    await delay(retentionMs);
    const server = new EurekaServer(registry);
    return new SimulatedEureka(registry, server, await server.listen("127.0.0.1:0"));
  }

  /** All changes so far, by the new address. */
  get changes(): ReadonlyMap<string, Readonly<Change>> {
    return this.#registry.changes;
  }

  /** Gives the first instance of a service a new address. */
  change(service: number, address: string): void {
    this.#registry.register(serviceName(service), springInstance(service, 0, address));
    this.#registry.changes.set(address, { atMs: sharedClockMs(), answeredAtMs: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
