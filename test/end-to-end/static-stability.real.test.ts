import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import type { EntryLog } from "../../shared/entry-log/entry-log.ts";
import { JetStreamEntryLog } from "../../shared/entry-log/jetstream/jetstream.ts";
import { encodeSubject, syncMarkerSubject } from "../../shared/model/subject.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import type { NatsServer } from "../servers/nats.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";
import { XdsObserver } from "./xds-observer.ts";

const subjectOf = (name: string) =>
  encodeSubject({ kind: "ServiceEntry", registry: "eureka", source: "default", namespace: "n", name });

function entry(name: string, address: string, protocol = "HTTP") {
  const manifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "n", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      hosts: [`${name}.example`],
      ports: [{ number: 80, protocol, name: "p" }],
      resolution: "STATIC",
      endpoints: [{ address, ports: { p: 8080 } }],
    },
  };
  return { subject: subjectOf(name), data: Buffer.from(JSON.stringify(manifest)) };
}

function marker(id: string) {
  const content = {
    apiVersion: "meshregistry.io/v1",
    kind: "SyncMarker",
    metadata: { name: "eureka.default" },
    spec: { registry: "eureka", source: "default", id, entries: 3, at: "2026-01-01T00:00:00Z" },
  };
  return { subject: syncMarkerSubject("eureka", "default"), data: Buffer.from(JSON.stringify(content)) };
}

const Sources = z.object({
  unconfirmed: z.number(),
  servedStateOf: z.string().nullable(),
  stateWrittenAt: z.string().nullable(),
});

/** An aggregator that starts while NATS is away serves what it served last, and goes on from there. */
describe.skipIf(requireReal("nats-server").skip)("an aggregator with a state on disk", () => {
  const stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-state-"));
  const never = new AbortController().signal;
  let nats: NatsServer;
  let collector: EntryLog;
  let aggregator: Service;
  let observer: XdsObserver;

  const sources = async () => Sources.parse(JSON.parse(await aggregator.get("/meshregistry/sources")));
  const cache = async () => await aggregator.get("/meshregistry/xdsCache?layout=list");
  const isReady = async () =>
    await vi.waitFor(async () => expect(await aggregator.isReady()).toBe(true), { timeout: 60_000 });
  const isWritten = async () => {
    const now = new Date().toISOString();
    await expect.poll(async () => (await sources()).stateWrittenAt ?? "", { timeout: 60_000 })
      .toSatisfy((at: string) => at > now);
  };
  const hosts = () => [...observer.view.keys()].sort();

  beforeAll(async () => {
    nats = stack.use(await startNats());
    const log = createLogger("test");
    log.level = "silent";
    collector = stack.use(JetStreamEntryLog.open({ servers: [nats.url], name: "collector", log }));
    await collector.publish(
      [entry("a", "10.0.0.1"), entry("b", "10.0.0.2"), entry("tcp", "10.0.0.3", "TCP"), marker("m1")],
      AbortSignal.timeout(60_000),
    );
    aggregator = stack.use(
      await startService("aggregator", {
        nats: { servers: [nats.url] },
        eurekaSource: { enabled: true, address: ["http://127.0.0.1:1/eureka"] },
        state: { folder, interval: "100ms" },
      }),
    );
    observer = stack.use(new XdsObserver(aggregator.xdsAddress));
    await isReady();
  });

  afterAll(async () => {
    await stack.disposeAsync();
    rmSync(folder, { recursive: true });
  });

  test("serves it to clients, says so, and is ready", async () => {
    await isWritten();
    const before = await cache();
    expect(before).toContain("241.");
    await nats.stop();
    await aggregator.restart();
    await using late = new XdsObserver(aggregator.xdsAddress);
    await isReady();
    await expect.poll(() => [...late.view.keys()].sort(), { timeout: 30_000 })
      .toEqual(["a.example", "b.example", "tcp.example"]);
    expect(await cache()).toBe(before);
    expect((await sources()).servedStateOf).toMatch(/^20/);
    expect(await aggregator.get("/meshregistry/ready")).toMatch(/^serving the state of 20.*NATS/);
    expect(await aggregator.get("/metrics")).toMatch(/meshregistry_served_state_age_seconds [1-9.]/);
  });

  test("goes on from there when NATS is back: what was deleted goes, what changed changes, no more", async () => {
    await nats.restart();
    await collector.publish([entry("a", "10.0.0.9"), { subject: subjectOf("b"), data: null }], never);
    await expect.poll(hosts, { timeout: 60_000 }).toEqual(["a.example", "tcp.example"]);
    await expect.poll(() => observer.view.get("a.example"), { timeout: 60_000 }).toEqual(["10.0.0.9:8080"]);
    expect(await sources()).toMatchObject({ servedStateOf: null, unconfirmed: 0 });
    expect(await aggregator.get("/meshregistry/ready")).not.toContain("serving the state");
    expect(await aggregator.get("/metrics")).toContain("meshregistry_served_state_age_seconds 0");
    expect([...observer.lostHosts.keys()]).toEqual(["b.example"]);
  });

  test("keeps everything when NATS comes back empty, until its source has published anew", async () => {
    await isWritten();
    await nats.stop();
    rmSync(nats.storeDir, { recursive: true });
    await aggregator.restart();
    await isReady();
    await nats.restart();
    await expect.poll(async () => (await sources()).servedStateOf, { timeout: 60_000 }).toBeNull();
    await expect.poll(async () => (await sources()).unconfirmed).toBe(2);
    // Publishing tells us that the new stream was read before we look.
    await collector.publish([entry("c", "10.0.0.4")], never);
    await expect.poll(hosts, { timeout: 60_000 }).toEqual(["a.example", "c.example", "tcp.example"]);
    await collector.publish([entry("tcp", "10.0.0.3", "TCP"), marker("m2")], never);
    await expect.poll(hosts, { timeout: 60_000 }).toEqual(["c.example", "tcp.example"]);
    expect([...observer.lostHosts.keys()].sort()).toEqual(["a.example", "b.example"]);
  });
});
