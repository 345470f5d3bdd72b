import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { TcpProxy } from "../../shared/entry-log/jetstream/tcp-proxy-rig.ts";
import { seededRandom, seedOfRun } from "../seeded-random.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import type { NatsServer } from "../servers/nats.ts";
import { startEnsemble } from "../servers/zookeeper.ts";
import type { ZooKeeperEnsemble } from "../servers/zookeeper.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";
import { XdsObserver } from "./xds-observer.ts";
import { Registrations } from "./zookeeper-registrations-rig.ts";

/** Interfaces that never change: whatever happens, every client must see them with all their providers. */
const steady = ["shop.steady.A", "shop.steady.B", "shop.steady.C"];
/** Interfaces that change all the time, and may have no provider for a while. */
const churning = Array.from({ length: 12 }, (_, index) => `shop.churn.S${index}`);

const hostOf = (interfaceName: string) => interfaceName.toLowerCase();
const addressOf = (index: number, instance: number) => `10.${index + 1}.0.${instance + 1}:20880`;

/** An ensemble loses servers, sessions and connections, while providers come and go. */
describe("ZooKeeper to xDS clients under faults", () => {
  const { skip } = requireReal("nats-server", "zookeeper-3.9");
  const seed = seedOfRun();
  const random = seededRandom(seed);
  const stack = new AsyncDisposableStack();
  let nats: NatsServer;
  let ensemble: ZooKeeperEnsemble;
  let registrations: Registrations;
  let proxies: TcpProxy[];
  let collector: Service;
  let observer: XdsObserver;

  beforeAll(async () => {
    if (skip) return;
    [nats, ensemble] = await Promise.all([startNats(), startEnsemble({ tickTimeMs: 500 })]);
    stack.use(nats);
    stack.use(ensemble);
    registrations = stack.use(new Registrations(ensemble.addresses));
    for (const [index, name] of [...steady, ...churning].entries()) {
      await registrations.begin(name, addressOf(index, 0));
      for (const instance of [1, 2]) await registrations.change(name, addressOf(index, instance), true);
    }
    proxies = await Promise.all(ensemble.servers.map(({ port }) => TcpProxy.start(port)));
    for (const proxy of proxies) stack.use(proxy);
    const config = {
      nats: { servers: [nats.url] },
      zookeeperSource: {
        enabled: true,
        address: proxies.map(({ url }) => url.replace("nats://", "")),
        // The server grants it: short enough to expire within this test.
        connectionTimeout: "2s",
      },
    };
    collector = stack.use(await startService("zk-collector", config));
    const aggregator = stack.use(await startService("aggregator", config));
    observer = stack.use(new XdsObserver(aggregator.xdsAddress));
    await converged();
  });

  afterAll(() => stack.disposeAsync());

  /** Waits until the client's view equals the registry. */
  async function converged(): Promise<void> {
    await vi.waitFor(async () => {
      const listed = Object.entries(await registrations.listed()).filter(([, addresses]) =>
        addresses.length > 0
      );
      const expected = Object.fromEntries(listed.map(([name, addresses]) => [hostOf(name), addresses]));
      const view = Object.fromEntries([...observer.view].filter(([, endpoints]) => endpoints.length > 0));
      expect(view).toEqual(expected);
    }, { timeout: 60_000, interval: 50 });
  }

  /** Changes a random interface until the signal aborts; answers how many changes there were. */
  async function churn(signal: AbortSignal): Promise<number> {
    let changes = 0;
    while (!signal.aborted) {
      const index = Math.floor(random() * churning.length);
      const address = addressOf(steady.length + index, Math.floor(random() * 6));
      // A server that can't be reached does nothing; whoever wanted it tries again, this one just goes on.
      const changed = await registrations.change(churning[index] ?? "", address, random() < 0.55).catch(() =>
        false
      );
      if (changed) changes++;
      await delay(10);
    }
    return changes;
  }

  const kill = (index: number) => async () => {
    const server = ensemble.servers[index];
    if (server === undefined) throw new RangeError(`the ensemble has no server ${index}`);
    await server.kill();
    await delay(500 * random());
    await server.restart();
  };

  /** Each fault, and how it ends. */
  const faults: Readonly<Record<string, () => Promise<void> | void>> = {
    "first server killed": kill(0),
    "second server killed": kill(1),
    "third server killed": kill(2),
    "leader frozen": async () => {
      const leader = await ensemble.leader();
      leader.signal("SIGSTOP");
      await delay(2_000);
      leader.signal("SIGCONT");
    },
    "connections cut": () => {
      for (const proxy of proxies) proxy.cut();
    },
    "requests swallowed": async () => {
      for (const proxy of proxies) proxy.swallowRequests = true;
      await delay(1_000 * random());
      for (const proxy of proxies) proxy.swallowRequests = false;
      for (const proxy of proxies) proxy.cut();
    },
    "session expired": async () => {
      for (const proxy of proxies) proxy.closed = true;
      for (const proxy of proxies) proxy.cut();
      await delay(3_500);
      for (const proxy of proxies) proxy.closed = false;
    },
    "collector killed": async () => {
      await collector.kill();
      await collector.restart();
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
      for (const each of steady) {
        expect(observer.view.get(hostOf(each)), `${each} after: ${name}`).toHaveLength(3);
      }
    }
    stop.abort();
    expect(await churned, "changes during the faults").toBeGreaterThan(100);
    await registrations.settled(AbortSignal.timeout(30_000));
    await converged();
    expect([...observer.lostHosts.keys()]).toEqual([]);
    const emptied = registrations.neverEmpty().filter((name) => observer.emptiedHosts.has(hostOf(name)));
    expect(emptied, "emptied, though the registry had providers all the time").toEqual([]);
  }, 180_000);
});
