import { expect, vi } from "vitest";
import type {
  Nacos,
  NacosNaming,
  NamingEvent,
  NamingOptions,
  ServiceName,
  ServiceSnapshot,
} from "../../shared/nacos/nacos.ts";
import type { ProvidedInstance } from "../../shared/nacos/provider-rig.ts";
import { serviceKey } from "../../shared/nacos/wire/service-key.ts";

/** For polling: a loaded machine takes its time. */
export const patient = { timeout: 60_000, interval: 20 };

/** Registers services, as applications do. */
export interface SuiteProvider extends AsyncDisposable {
  /** Replaces what it has registered for a service. */
  set(service: ServiceName, instances: readonly ProvidedInstance[]): Promise<void>;
}

/** A running Nacos that nobody else uses, or what passes for one. */
export interface NacosSuiteServer extends AsyncDisposable {
  /** `host:port` on loopback. */
  readonly address: string;
  /** A provider in a namespace; what it has registered is gone when it is disposed of. */
  openProvider(namespace: string): Promise<SuiteProvider>;
  addNamespace(id: string): Promise<void>;
  setConfig(group: string, dataId: string, content: string): Promise<void>;
}

/** Discovery in a namespace with all that it told. */
export class SuiteNaming implements AsyncDisposable {
  readonly naming: NacosNaming;
  readonly events: NamingEvent[] = [];

  constructor(nacos: Nacos, namespace: string, options?: NamingOptions) {
    this.naming = nacos.openNaming(namespace, options);
    this.naming.onEvent((event) => this.events.push(event));
  }

  static async open(nacos: Nacos, namespace = "", options?: NamingOptions): Promise<SuiteNaming> {
    const suite = new SuiteNaming(nacos, namespace, options);
    await suite.naming.connected(AbortSignal.timeout(60_000));
    return suite;
  }

  /** How often an event of a type came. */
  count(type: NamingEvent["type"]): number {
    return this.events.filter((event) => event.type === type).length;
  }

  snapshots(service: ServiceName): readonly ServiceSnapshot[] {
    return this.events.flatMap((event) =>
      event.type === "snapshot" && serviceKey(event.snapshot.service) === serviceKey(service)
        ? [event.snapshot]
        : []
    );
  }

  /** The last that was told of a service: `ip:port` of its instances; undefined before anything was. */
  addresses(service: ServiceName): readonly string[] | undefined {
    return this.snapshots(service).at(-1)?.instances.map(({ ip, port }) => `${ip}:${port}`);
  }

  /** Waits until the last that was told of a service is this. */
  async sees(service: ServiceName, ...addresses: readonly string[]): Promise<void> {
    await vi.waitFor(() => expect(this.addresses(service)).toEqual(addresses), patient);
  }

  /** The services that there are by all events so far, as keys; undefined before a list was told. */
  services(): readonly string[] | undefined {
    let services: Set<string> | undefined;
    for (const event of this.events) {
      if (event.type === "services") services = new Set(event.services.map(serviceKey));
      else if (event.type === "service-added") (services ??= new Set()).add(serviceKey(event.service));
      else if (event.type === "service-gone") services?.delete(serviceKey(event.service));
    }
    return services === undefined ? undefined : [...services].sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.naming[Symbol.asyncDispose]();
  }
}

/** How a request failed: the error's kind; undefined if it didn't. */
export async function kindOf(request: Promise<unknown>): Promise<string | undefined> {
  try {
    await request;
    return undefined;
  } catch (error) {
    if (error instanceof Error && "kind" in error) return String(error.kind);
    throw error;
  }
}
