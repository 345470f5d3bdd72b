import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { termSubject } from "../../shared/model/subject.ts";
import { XdsObserver } from "../end-to-end/xds-observer.ts";
import { startService } from "../end-to-end/services.ts";
import { seedOfRun } from "../seeded-random.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import { NatsCluster } from "../servers/nats-cluster.ts";
import { promises } from "./history.ts";
import { recordedEureka, recordedNacos, recordedZooKeeper } from "./registries.ts";
import type { RecordedRegistry } from "./registries.ts";
import { Churn, createRecordingStream, cut, readHistory, Replica } from "./rig.ts";
import { TermWatch } from "./term-watch.ts";

const services = 40;

/** How long a replica is stopped or cut off: several times as long as a lease, a minute in the long form. */
const outageMs = process.env["LONG_TESTS"] === "1" ? 60_000 : 12_000;

/** A dead replica's share is taken over within this time. */
const takeOverMs = 5_000;

/** NATS on one server, or on three that each keep everything. */
async function startStream(servers: 1 | 3, stack: AsyncDisposableStack) {
  if (servers === 1) {
    const nats = stack.use(await startNats());
    await createRecordingStream(nats.url, 1);
    return { url: nats.url, port: nats.port };
  }
  const cluster = stack.use(await NatsCluster.start(3, "", "no_advertise: true"));
  const [url = ""] = cluster.urls;
  await createRecordingStream(url, 3);
  return { url, port: Number(new URL(url).port) };
}

describe("Replicas of a collector share a source", () => {
  const { skip } = requireReal("nats-server");

  test.skipIf(skip).for<[string, () => Promise<RecordedRegistry>, 1 | 3]>([
    ["ZooKeeper, one NATS server", recordedZooKeeper, 1],
    ["Eureka, one NATS server", recordedEureka, 1],
    ["Nacos, one NATS server", recordedNacos, 1],
    ["ZooKeeper, three NATS servers", recordedZooKeeper, 3],
    ["Eureka, three NATS servers", recordedEureka, 3],
  ])(
    "%s: through every fault and under load",
    { timeout: 600_000 },
    async ([_name, startRegistry, servers]) => {
      await using stack = new AsyncDisposableStack();
      const registry = stack.use(await startRegistry());
      for (let service = 0; service < services; service++) for (let n = 0; n < 3; n++) registry.add(service);
      const { url, port } = await startStream(servers, stack);
      const terms = stack.use(await TermWatch.start(url, termSubject(registry.token, "default")));
      const start = async () => stack.use(await Replica.start(registry, port));
      const first = await start();
      const config = { nats: { servers: [url] }, ...registry.configOf(registry.port) };
      const aggregator = stack.use(await startService("aggregator", config));
      const observer = stack.use(new XdsObserver(aggregator.xdsAddress));
      await expect.poll(() => observer.view.size, { timeout: 60_000 }).toBe(services);
      const churn = new Churn(registry, services, 20, seedOfRun());
      onTestFinished(() => churn.stop());

      // 1 -> 3
      const replicas = [first, await start(), await start()];
      await terms.until(3);
      const [, second, third] = replicas;
      if (second === undefined || third === undefined) throw new TypeError("three replicas");

      const dead = await third.member();
      await third.service.kill();
      expect(await terms.untilWithout(dead), "taken over within").toBeLessThan(takeOverMs);
      await third.service.restart();
      await terms.until(3);

      const paused = await second.member();
      second.service.signal("SIGSTOP");
      await terms.untilWithout(paused);
      await delay(outageMs);
      second.service.signal("SIGCONT");
      await terms.until(3);

      for (const outage of [[third.nats], [third.registry], [third.nats, third.registry]]) {
        const lost = await third.member();
        for (const proxy of outage) cut(proxy, true);
        await terms.untilWithout(lost);
        await delay(outageMs / 3);
        for (const proxy of outage) cut(proxy, false);
        await terms.until(3);
      }

      for (const replica of replicas) {
        await replica.service.restart();
        await terms.until(3);
      }

      // 3 -> 1
      await second.service.stop();
      await third.service.stop();
      await terms.until(1);
      churn.stop();
      expect(churn.changes).toBeGreaterThan(500);

      const shown = () =>
        Object.fromEntries(
          [...observer.view].map(([host, ends]) => [host, ends.map(addressOf).sort().join(" ")]),
        );
      const wanted = Object.fromEntries([...registry.truth].map(([host, states]) => [host, states.at(-1)]));
      await expect.poll(shown, { timeout: 60_000 }).toEqual(wanted);
      const history = await readHistory(url);
      for (const [promise, check] of Object.entries(promises)) {
        expect(
          check(history, registry.truth),
          promise,
        ).toEqual([]);
      }
      expect([...observer.lostHosts.keys(), ...observer.emptiedHosts], "hosts that a client lost").toEqual(
        [],
      );
    },
  );
});

/** The address of an endpoint as an observer shows it, `address:port`. */
function addressOf(endpoint: string): string {
  return endpoint.slice(0, endpoint.lastIndexOf(":"));
}
