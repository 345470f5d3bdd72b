import type { ServiceName } from "../../shared/nacos/nacos.ts";
import { openNacos } from "../../shared/nacos/open-nacos.ts";
import { NacosProvider } from "../../shared/nacos/provider-rig.ts";
import type { ProvidedInstance } from "../../shared/nacos/provider-rig.ts";
import { sharedClockMs } from "./stopwatch.ts";

/** Requests at a time. */
const atOnce = 32;

/** How long a server may take to tell of a change. */
const toldWithinMs = 30_000;

/** Instances at a real Nacos, and a subscriber of its own that sees when the server tells of a change. */
export class Registrations {
  readonly #provider: NacosProvider;
  readonly #instances = new Map<number, ProvidedInstance[]>();
  /** What is waited for: an address, and whom to tell. */
  readonly #waiting = new Map<string, (toldAtMs: number) => void>();

  private constructor(provider: NacosProvider) {
    this.#provider = provider;
  }

  /** Registers all of them, as batches over one connection, and subscribes to those that will change. */
  static async open(
    server: string,
    instances: readonly (readonly ProvidedInstance[])[],
    changing: readonly number[],
  ): Promise<Registrations> {
    const registrations = new Registrations(await NacosProvider.open(server));
    const queue = instances.entries();
    const work = async () => {
      for (const [index, each] of queue) await registrations.#set(index, [...each]);
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    await registrations.#follow(server, changing);
    return registrations;
  }

  /** Adds an instance, and waits until the server has told of it. */
  async add(index: number, instance: ProvidedInstance): Promise<{ atMs: number; toldAtMs: number }> {
    const { promise: told, resolve, reject } = Promise.withResolvers<number>();
    this.#waiting.set(instance.ip, resolve);
    const late = setTimeout(
      () => reject(new Error(`the server doesn't tell of ${instance.ip}`)),
      toldWithinMs,
    );
    const atMs = sharedClockMs();
    try {
      await this.#set(index, [...this.#instances.get(index) ?? [], instance]);
      return { atMs, toldAtMs: await told };
    } finally {
      clearTimeout(late);
    }
  }

  async #set(index: number, instances: ProvidedInstance[]): Promise<void> {
    this.#instances.set(index, instances);
    await this.#provider.set(serviceOf(index), instances);
  }

  async #follow(server: string, changing: readonly number[]): Promise<void> {
    const client = openNacos({ servers: [server], mode: "watching", refreshPeriodMs: 30_000 });
    const naming = client.openNaming("public");
    const { promise: caughtUp, resolve } = Promise.withResolvers<void>();
    naming.onEvent((event) => {
      if (event.type === "caught-up") resolve();
      if (event.type !== "snapshot" || this.#waiting.size === 0) return;
      const toldAtMs = sharedClockMs();
      for (const { ip } of event.snapshot.instances) {
        this.#waiting.get(ip)?.(toldAtMs);
        this.#waiting.delete(ip);
      }
    });
    for (const index of changing) naming.subscribe(serviceOf(index));
    await caughtUp;
  }
}

function serviceOf(index: number): ServiceName {
  return { group: "DEFAULT_GROUP", name: `service-${index}` };
}
