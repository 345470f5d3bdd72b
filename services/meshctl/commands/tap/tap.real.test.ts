import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { PublisherRig } from "../../../../shared/collector/publisher-rig.ts";
import { JetStreamEntryLog } from "../../../../shared/entry-log/jetstream/jetstream.ts";
import type { ServiceEntryManifest } from "../../../../shared/model/manifest.ts";
import { createLogger } from "../../../../shared/runtime/log.ts";
import { requireReal } from "../../../../test/servers/find.ts";
import { startNats } from "../../../../test/servers/nats.ts";
import type { NatsServer } from "../../../../test/servers/nats.ts";
import { TestRun } from "../../meshctl-rig.ts";

const log = createLogger("tap-test");
log.level = "silent";
const stop = new AbortController();

function entry(name: string, addresses: readonly string[]): ServiceEntryManifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "shop", labels: { registry: "eureka" } },
    spec: { hosts: [`${name}.shop`], endpoints: addresses.map((address) => ({ address })) },
  };
}

const lines = (text: string) => text.trimEnd().split("\n").map((line) => line.replace(/^[\d:.]+ +/, ""));
const patient = { timeout: 20_000 };

describe.skipIf(requireReal("nats-server").skip)("meshctl tap", () => {
  const stack = new AsyncDisposableStack();
  let nats: NatsServer;
  let publisher: PublisherRig;

  beforeAll(async () => {
    nats = stack.use(await startNats());
    const entryLog = stack.use(
      await JetStreamEntryLog.connect({ servers: [nats.url], name: "collector", log, signal: stop.signal }),
    );
    const guard = { maxShrinkPercent: 100, minEndpoints: 0, holdTimeMs: 0 };
    publisher = stack.use(await PublisherRig.start({ entryLog, guard, log }));
  });

  afterAll(async () => await stack.disposeAsync());

  const publish = async (...manifests: readonly ServiceEntryManifest[]) =>
    await publisher.publishAll(manifests);

  function tap(...args: readonly string[]): TestRun {
    const run = new TestRun("tap", "--servers", nats.url, ...args);
    onTestFinished(async () => void await run.stop());
    return run;
  }

  test("prints what is there, then what changes", async () => {
    await publish(entry("orders", ["10.0.0.1"]), entry("cart", ["10.0.1.1"]));
    const run = tap();
    await expect.poll(() => run.err, patient).toContain("2 entries match mesh.entries.>; following changes");
    expect(lines(run.out)).toEqual([
      "+  ServiceEntry  shop/orders  orders.shop  -  endpoints 1",
      "+  ServiceEntry  shop/cart    cart.shop    -  endpoints 1",
    ]);
    expect(run.err).toMatch(/eureka\/default was read completely at .*: 2 entries/);
    await publish(entry("orders", ["10.0.0.1", "10.0.0.9"]));
    await expect.poll(() => run.out, patient).toContain(
      "shop/orders  orders.shop  -  endpoints 1→2 (+10.0.0.9)",
    );
    await expect.poll(() => run.out, patient).toMatch(
      /shop\/cart {4}cart\.shop {4}- {2}endpoints 1→0 \(-10\.0\.1\.1\), annotations \(\+meshregistry\.io\/empty-since=/,
    );
    expect(await run.stop()).toBe(0);
  });

  test("--once with a filter prints the matching manifests and ends", async () => {
    await publish(entry("orders", ["10.0.0.1"]), entry("cart", ["10.0.1.1"]));
    const run = tap(
      "--registry",
      "eureka",
      "--namespace",
      "shop",
      "--name",
      "orders",
      "--once",
      "-o",
      "json",
    );
    expect(await run.code).toBe(0);
    expect(lines(run.out)).toHaveLength(1);
    expect(JSON.parse(run.out)).toMatchObject({
      ...entry("orders", ["10.0.0.1"]),
      change: "added",
      subject: "mesh.entries.ServiceEntry.eureka.default.shop.orders",
      sequence: expect.any(Number),
    });
    const none = tap("--registry", "nacos", "--once");
    expect(await none.code).toBe(0);
    expect(none.err).toMatch(/no entry matches mesh\.entries\.\*\.nacos\./);
  });

  test("--live leaves out what is there, and the configuration names the servers", async () => {
    await publish(entry("orders", ["10.0.0.1"]));
    const folder = await mkdtemp(join(tmpdir(), "meshctl-tap-"));
    onTestFinished(async () => await rm(folder, { recursive: true }));
    const config = join(folder, "config.yaml");
    await writeFile(config, JSON.stringify({ nats: { servers: [nats.url] } }));
    const run = new TestRun("tap", "--config", config, "--live", "-o", "yaml");
    onTestFinished(async () => void await run.stop());
    await expect.poll(() => run.err, patient).toContain("following changes");
    expect(run.out).toBe("");
    await publish(entry("orders", ["10.0.0.2"]));
    await expect.poll(() => run.out, patient).toMatch(
      /^---\n# updated at .*\napiVersion: networking\.istio\.io\/v1\n/,
    );

    await writeFile(config, "{}");
    const embedded = new TestRun("tap", "--config", config);
    expect(await embedded.code).toBe(2);
    expect(embedded.err).toContain("names no nats.servers");
  });

  test("waits for a server that isn't there, and says so", async () => {
    const run = new TestRun("tap", "--servers", "nats://127.0.0.1:1", "--once", "--timeout", "4s");
    expect(await run.code).toBe(1);
    expect(run.err).toMatch(/waiting: NATS: .*(refused|ECONNREFUSED)/i);
    expect(run.err.match(/refused/g)).toHaveLength(1);
  });
});
