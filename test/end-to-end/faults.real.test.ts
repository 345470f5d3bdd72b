import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startEureka } from "../servers/eureka.ts";
import type { EurekaServer } from "../servers/eureka.ts";
import { seededRandom, seedOfRun } from "../seeded-random.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import type { NatsServer } from "../servers/nats.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";
import { XdsObserver } from "./xds-observer.ts";

/** Services that never change: whatever happens, every client must see them with all their endpoints. */
const steady = ["steady-a", "steady-b", "steady-c"];
/** Services that change all the time. */
const churning = Array.from({ length: 12 }, (_, index) => `churn-${index}`);

const hostOf = (app: string) => `${app}.eureka.svc.cluster.local`;
const addressOf = (app: number, instance: number) => `10.${app + 1}.0.${instance + 1}`;

/** What is registered: kept here as well, since clients of a Eureka that restarted register again. */
class Registrations {
  readonly #eureka: EurekaServer;
  readonly #instances = new Map<string, { app: string; address: string }>();

  constructor(eureka: EurekaServer) {
    this.#eureka = eureka;
  }

  async add(app: string, address: string): Promise<void> {
    this.#instances.set(`${app}/${address}`, { app, address });
    await this.#eureka.register({ app, instanceId: address, ipAddr: address, port: 8080 });
  }

  async remove(app: string, address: string): Promise<void> {
    if (!this.#instances.delete(`${app}/${address}`)) return;
    await this.#eureka.cancel(app, address);
  }

  /** What every client does after its heartbeat was answered with 404. */
  async registerAgain(): Promise<void> {
    for (const [key, { app, address }] of this.#instances) {
      await this.#eureka.register({ app, instanceId: address, ipAddr: address, port: 8080 });
      // Removed meanwhile: the cancellation may have overtaken this registration.
      if (!this.#instances.has(key)) await this.#eureka.cancel(app, address).catch(() => {});
    }
  }

  /** Endpoints by host, as every client has to see them in the end. Hosts without endpoints are left out. */
  truth(): Record<string, string[]> {
    const truth: Record<string, string[]> = {};
    for (const { app, address } of this.#instances.values()) {
      (truth[hostOf(app)] ??= []).push(`${address}:8080`);
    }
    for (const endpoints of Object.values(truth)) endpoints.sort();
    return truth;
  }
}

/** Kills and restarts everything, in an order that differs from run to run, while services come and go. */
describe("Eureka to xDS clients under faults and load", () => {
  const { skip } = requireReal("nats-server", "eureka");
  const seed = seedOfRun();
  const random = seededRandom(seed);
  const stack = new AsyncDisposableStack();
  let nats: NatsServer;
  let eureka: EurekaServer;
  let collector: Service;
  let aggregators: Service[];
  let observers: XdsObserver[];
  let registrations: Registrations;

  beforeAll(async () => {
    if (skip) return;
    [nats, eureka] = await Promise.all([startNats(), startEureka()]);
    stack.use(nats);
    stack.use(eureka);
    registrations = new Registrations(eureka);
    for (const [index, app] of [...steady, ...churning].entries()) {
      for (let instance = 0; instance < 3; instance++) {
        await registrations.add(app, addressOf(index, instance));
      }
    }
    const config = {
      nats: { servers: [nats.url] },
      // Long enough for Eureka's clients to register again, short enough for this test to see the end of it.
      guard: { holdTime: "20s" },
      eurekaSource: { enabled: true, address: [eureka.url], deltaPeriod: "100ms", refreshPeriod: "2s" },
    };
    collector = stack.use(await startService("eureka-collector", config));
    aggregators = await Promise.all([startService("aggregator", config), startService("aggregator", config)]);
    for (const aggregator of aggregators) stack.use(aggregator);
    observers = aggregators.map(({ xdsAddress }) => stack.use(new XdsObserver(xdsAddress)));
    await converged();
  });

  afterAll(() => stack.disposeAsync());

  const viewOf = (observer: XdsObserver) =>
    Object.fromEntries([...observer.view].filter(([, endpoints]) => endpoints.length > 0));

  /** Waits until every client's view equals the registry. */
  const converged = () =>
    vi.waitFor(() => {
      for (const observer of observers) expect(viewOf(observer)).toEqual(registrations.truth());
    }, { timeout: 90_000, interval: 50 });

  /** Changes a random service until the signal aborts; answers how many changes there were. */
  async function churn(signal: AbortSignal): Promise<number> {
    let changes = 0;
    while (!signal.aborted) {
      const index = Math.floor(random() * churning.length);
      const app = churning[index] ?? "";
      const address = addressOf(steady.length + index, 1 + Math.floor(random() * 6));
      // A Eureka that is down refuses; its clients would try again, this one just goes on.
      await (random() < 0.5 ? registrations.add(app, address) : registrations.remove(app, address)).catch(
        () => {},
      );
      changes++;
      await delay(20);
    }
    return changes;
  }

  async function deleteStream(): Promise<void> {
    const connection = await connect({ servers: nats.url });
    await (await jetstreamManager(connection)).streams.delete("MESH_ENTRIES");
    await connection.close();
  }

  /** Each fault, and how it ends. */
  const faults: Readonly<Record<string, () => Promise<void>>> = {
    "NATS killed": async () => {
      await nats.kill();
      await nats.restart();
    },
    "collector killed": async () => {
      await collector.kill();
      await collector.restart();
    },
    "first aggregator killed": async () => {
      await aggregators[0]?.kill();
      await aggregators[0]?.restart();
    },
    "second aggregator stopped": async () => await aggregators[1]?.restart(),
    "stream deleted": deleteStream,
    "NATS frozen": async () => {
      nats.signal("SIGSTOP");
      await delay(1_500 * random());
      nats.signal("SIGCONT");
    },
    "Eureka killed, back empty, filled again": async () => {
      await eureka.kill();
      await eureka.restart();
      await vi.waitFor(async () => {
        const held = await collector.get("/meshregistry/collectors/eureka/held");
        for (const app of steady) expect(held).toContain(app);
      }, { timeout: 60_000 });
      await registrations.registerAgain();
    },
  };

  test.skipIf(skip)(`loses and deletes nothing (repeat with SEED=${seed})`, async () => {
    const order = Object.entries(faults).map(([name, inflict]) => ({ name, inflict, at: random() }));
    order.sort((a, b) => a.at - b.at);
    const stop = new AbortController();
    const churned = churn(stop.signal);
    for (const { name, inflict } of order) {
      await inflict();
      await delay(300 * random());
      for (const app of steady) {
        for (const observer of observers) {
          expect(observer.view.get(hostOf(app)), `${app} after: ${name}`).toHaveLength(3);
        }
      }
    }
    stop.abort();
    expect(await churned, "changes during the faults").toBeGreaterThan(100);
    // Whatever Eureka missed while it was down, its clients register again.
    await registrations.registerAgain();
    await converged();
    for (const observer of observers) {
      expect([...observer.lostHosts.keys()]).toEqual([]);
      expect(steady.filter((app) => observer.emptiedHosts.has(hostOf(app)))).toEqual([]);
    }
  }, 300_000);
});
