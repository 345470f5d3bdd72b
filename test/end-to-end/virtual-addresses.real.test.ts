import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { JetStreamEntryLog } from "../../shared/entry-log/jetstream/jetstream.ts";
import type { LogRecord } from "../../shared/entry-log/entry-log.ts";
import { encodeSubject, syncMarkerSubject } from "../../shared/model/subject.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { requireReal } from "../servers/find.ts";
import { startIstiod } from "../servers/istiod.ts";
import { startNats } from "../servers/nats.ts";
import { connectSidecar } from "../servers/sidecar-client.ts";
import type { Sidecar } from "../servers/sidecar-client.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";

const names = ["greeter.dubbo", "orders.dubbo", "web.shop"];

/** Two TCP services on one port, and an HTTP service. */
function records(): LogRecord[] {
  const entries = names.map((name, index) => {
    const port = name === "web.shop"
      ? { number: 80, protocol: "HTTP", name: "http" }
      : { number: 20880, protocol: "TCP", name: "tcp" };
    const manifest = {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name, namespace: "mesh", creationTimestamp: "2026-01-01T00:00:00Z" },
      spec: {
        hosts: [`${name}.svc.cluster.local`],
        ports: [port],
        location: "MESH_INTERNAL",
        resolution: "STATIC",
        endpoints: [{ address: `10.1.0.${index + 1}`, ports: { [port.name]: 9000 } }],
      },
    };
    const id = { kind: "ServiceEntry", registry: "eureka", source: "default", namespace: "mesh", name };
    return { subject: encodeSubject(id), data: Buffer.from(JSON.stringify(manifest)) };
  });
  const marker = {
    apiVersion: "meshregistry.io/v1",
    kind: "SyncMarker",
    metadata: { name: "eureka.default" },
    spec: {
      registry: "eureka",
      source: "default",
      id: "1",
      entries: names.length,
      at: "2026-01-01T00:00:00Z",
    },
  };
  const subject = syncMarkerSubject("eureka", "default");
  return [...entries, { subject, data: Buffer.from(JSON.stringify(marker)) }];
}

/** Since 1.25 istiod gives no address to what comes over xDS; before, it gave one of its own. */
describe.each(["latest", "1.22"] as const)("virtual addresses at istiod %s", (version) => {
  const { skip } = requireReal("nats-server", `istiod-${version}`);
  const stack = new AsyncDisposableStack();
  const replicas: Service[] = [];
  let sidecar: Sidecar;

  /** The listeners of the two TCP services, by the names that istiod gives them: `<address>_<port>`. */
  const tcpListeners = () =>
    [
      ...new Set(
        sidecar.messages.filter(({ type }) => type === "LDS").flatMap(({ names: listeners }) => listeners),
      ),
    ].filter((name) => name.endsWith("_20880")).sort();

  beforeAll(async () => {
    if (skip) return;
    const nats = stack.use(await startNats());
    const log = createLogger("test");
    log.level = "silent";
    const entryLog = stack.use(JetStreamEntryLog.open({ servers: [nats.url], name: "test", log }));
    await entryLog.publish(records(), AbortSignal.timeout(60_000));
    const config = {
      nats: { servers: [nats.url] },
      eurekaSource: { enabled: true, address: ["http://127.0.0.1:1/eureka"] },
    };
    for (let count = 0; count < 2; count++) {
      replicas.push(stack.use(await startService("aggregator", config)));
    }
    for (const replica of replicas) {
      await vi.waitFor(async () => expect(await replica.isReady()).toBe(true), { timeout: 60_000 });
    }
    const istiod = stack.use(
      await startIstiod({ version, mcpAddresses: [replicas[0]?.xdsAddress ?? ""] }),
    );
    sidecar = stack.use(connectSidecar({ address: `127.0.0.1:${istiod.grpcPort}` }));
  });

  afterAll(() => stack.disposeAsync());

  test.skipIf(skip)("two TCP services on one port have a listener each, at their own addresses", async () => {
    await sidecar.until("both listeners", () => tcpListeners().length === 2);
    expect(tcpListeners().every((name) => /^241\.\d+\.\d+\.\d+_20880$/.test(name))).toBe(true);
    const endpoints = () =>
      names.slice(0, 2).map((name) => sidecar.endpointsOfHost(`${name}.svc.cluster.local`, 20880)?.join());
    await sidecar.until("their endpoints", () => endpoints().join(" ") === "10.1.0.1:9000 10.1.0.2:9000");
  });

  test.skipIf(skip)("both replicas, and one that restarts, serve the same addresses", async () => {
    const shown = (replica: Service) => replica.get("/meshregistry/xdsCache?layout=list&name=");
    const [one, two] = replicas;
    if (one === undefined || two === undefined) throw new TypeError("not started");
    const before = await shown(one);
    expect(before).toContain("241.");
    expect(await shown(two)).toBe(before);
    await two.restart();
    await vi.waitFor(async () => expect(await two.isReady()).toBe(true), { timeout: 60_000 });
    expect(await shown(two)).toBe(before);
  });
});
