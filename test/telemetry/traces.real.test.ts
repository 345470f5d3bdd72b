import { describe, expect, onTestFinished, test } from "vitest";
import { startServer, up } from "../../services/eureka-collector/eureka-rig.ts";
import { SimulatedIstiod } from "../../services/aggregator/xds/simulated-istiod-rig.ts";
import { startService } from "../end-to-end/services.ts";
import type { Service, TestConfig } from "../end-to-end/services.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import { OtlpReceiver } from "./otlp-receiver.ts";

const soon = { timeout: 30_000 };

function endsWithTest<Resource extends AsyncDisposable>(resource: Resource): Resource {
  onTestFinished(() => resource[Symbol.asyncDispose]());
  return resource;
}

/** Changes a service of Eureka once istiod has it, and returns what was traced, when the processes have ended. */
async function tracedChange(
  start: (config: TestConfig) => Promise<{ readonly aggregator: Service; readonly all: readonly Service[] }>,
  tracing: TestConfig = {},
) {
  const receiver = endsWithTest(await OtlpReceiver.start());
  const { server: { registry }, url } = await startServer();
  registry.register("ORDERS", up("1"));
  const { aggregator, all } = await start({
    eurekaSource: { enabled: true, address: [url], deltaPeriod: "100ms", refreshPeriod: "1h", nsHost: false },
    tracing: { enabled: true, endpoint: receiver.url, ...tracing },
  });
  await expect.poll(() => aggregator.isReady().catch(() => false), soon).toBe(true);
  const istiod = new SimulatedIstiod();
  istiod.connect([aggregator.xdsAddress]);
  await expect.poll(() => istiod.names.size, soon).toBe(1);
  registry.register("CARTS", up("2"));
  await expect.poll(() => istiod.names.size, soon).toBe(2);
  const upToDate = async () => JSON.parse(await aggregator.get("/api/v1/clients")).clients[0].upToDate;
  await expect.poll(upToDate, soon).toBe(true);
  // The last spans are sent at the end.
  for (const service of all.toReversed()) await service.stop();
  expect(receiver.faults).toEqual([]);
  return receiver.spans;
}

/** Each span with its parent's name, in one line. */
function lines(spans: Awaited<ReturnType<typeof tracedChange>>): string[] {
  const names = new Map(spans.map(({ spanId, name }) => [spanId, name]));
  return spans.map(({ service, name, parentSpanId }) =>
    `${service}: ${names.get(parentSpanId) ?? "-"} > ${name}`
  )
    .toSorted();
}

describe("traces of changes", () => {
  const { skip } = requireReal("nats-server");

  test.skipIf(skip)("one trace goes from the registry's event over NATS to the acknowledgement", async () => {
    const nats = endsWithTest(await startNats());
    const spans = await tracedChange(async (config) => {
      const shared = { ...config, nats: { servers: [nats.url] } };
      const collector = endsWithTest(await startService("eureka-collector", shared));
      const aggregator = endsWithTest(await startService("aggregator", shared));
      return { aggregator, all: [collector, aggregator] };
    });
    expect(lines(spans)).toEqual([
      "aggregator: ingest > push",
      "aggregator: publish > ingest",
      "eureka-collector: - > registry change",
      "eureka-collector: registry change > convert",
      "eureka-collector: registry change > publish",
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(spans.every(({ status }) => status.code === 0)).toBe(true);
    expect(spans.find(({ name }) => name === "registry change")?.attributes).toMatchObject({
      "meshregistry.registry": "eureka",
      "meshregistry.unit": expect.stringMatching(/carts/i),
    });
    const push = spans.find(({ name }) => name === "push");
    expect(push?.attributes).toMatchObject({ "meshregistry.client": expect.any(String) });
    expect(BigInt(push?.endTimeUnixNano ?? 0) >= BigInt(push?.startTimeUnixNano ?? 1)).toBe(true);
  });

  test.each([["enabled", false], ["sampleRatio", 0]])("with %s: %s nothing is sent", async (key, value) => {
    const spans = await tracedChange(async (config) => {
      const aggregator = endsWithTest(await startService("all-in-one", config));
      return { aggregator, all: [aggregator] };
    }, { [key]: value });
    expect(spans).toEqual([]);
  });

  test("all in one process it is one trace as well", async () => {
    const spans = await tracedChange(async (config) => {
      const aggregator = endsWithTest(await startService("all-in-one", config));
      return { aggregator, all: [aggregator] };
    });
    expect(lines(spans)).toEqual([
      "meshregistry: - > registry change",
      "meshregistry: ingest > push",
      "meshregistry: publish > ingest",
      "meshregistry: registry change > convert",
      "meshregistry: registry change > publish",
    ]);
  });
});
