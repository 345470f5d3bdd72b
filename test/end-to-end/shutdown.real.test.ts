import { create, toBinary } from "@bufbuild/protobuf";
import { once } from "node:events";
import { connect } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DiscoveryRequestSchema } from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import {
  callData,
  callHeaders,
  emptySettings,
  preface,
  rawConnection,
} from "../../services/aggregator/grpc/raw-http2-rig.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import { noRegistry, startService } from "./services.ts";
import type { Service } from "./services.ts";

const path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
const unavailable = "14";
const drainMs = 1000;
/** For processes that wait for a core. */
const slackMs = 2000;

/** The message of one request, with gRPC's prefix: not compressed, and its length. */
function firstRequest(): Uint8Array {
  const message = toBinary(
    DiscoveryRequestSchema,
    create(DiscoveryRequestSchema, { typeUrl: "networking.istio.io/v1/Gateway", node: { id: "test" } }),
  );
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** One connection with one stream, in bare HTTP/2: what gRPC libraries hide is what this is about. */
class Connection implements Disposable {
  /** When it was told to go elsewhere; undefined: it wasn't. */
  goAwayAtMs: number | undefined;
  /** When it was closed. */
  closedAtMs: number | undefined;
  /** `grpc-status` of its stream. */
  status: string | undefined;
  readonly #session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session, stream: ClientHttp2Stream) {
    this.#session = session;
    session.on("goaway", () => {
      this.goAwayAtMs ??= performance.now();
    });
    session.on("close", () => {
      this.closedAtMs = performance.now();
    });
    stream.on("trailers", (trailers) => {
      this.status = String(trailers["grpc-status"]);
    });
  }

  /** Connects, asks, and waits for the answer. One that `stalls` reads nothing of its stream afterwards. */
  static async open(address: string, stalls: boolean): Promise<Connection> {
    const session = connect(`http://${address}`);
    session.on("error", () => {});
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => {});
    const connection = new Connection(session, stream);
    stream.write(firstRequest());
    await new Promise((resolve) => void stream.once("data", resolve));
    if (stalls) stream.pause();
    else stream.resume();
    return connection;
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

describe.skipIf(requireReal("nats-server").skip)("an aggregator that is told to stop", () => {
  const stack = new AsyncDisposableStack();
  let config: Readonly<Record<string, unknown>>;
  let aggregator: Service;

  beforeAll(async () => {
    const nats = stack.use(await startNats());
    config = { ...noRegistry, nats: { servers: [nats.url] }, xds: { drainTime: `${drainMs}ms` } };
    aggregator = stack.use(await startService("aggregator", config));
  });
  afterAll(() => stack.disposeAsync());

  test("sends its clients away within drainTime, and ends in order", async () => {
    const opened = await Promise.all(
      Array.from({ length: 20 }, (_, index) => Connection.open(aggregator.xdsAddress, index === 0)),
    );
    for (const connection of opened) stack.use(connection);
    const [, ...clients] = opened;
    const beginMs = performance.now();
    await aggregator.kill("SIGTERM");
    const exitMs = performance.now() - beginMs;
    expect(aggregator.ending, aggregator.logTail()).toBe("exit code 0");
    expect(exitMs).toBeLessThan(10_000);
    await expect.poll(() => clients.filter(({ closedAtMs }) => closedAtMs === undefined)).toEqual([]);
    expect(clients.map(({ status }) => status)).toEqual(clients.map(() => unavailable));
    for (const { goAwayAtMs = Infinity, closedAtMs = Infinity } of clients) {
      expect(goAwayAtMs - beginMs).toBeLessThan(slackMs);
      expect(closedAtMs - beginMs).toBeLessThan(drainMs + slackMs);
    }
    // They don't all leave at once, or the next replica would be asked for everything by all in one moment.
    const times = clients.map(({ closedAtMs = 0 }) => closedAtMs);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(drainMs / 10);
  });

  test("cuts clients that are frozen or never spoke, and ends in order", async () => {
    const other = stack.use(await startService("aggregator", config));
    const asking = Buffer.concat([
      preface,
      emptySettings,
      callHeaders(1, path),
      callData(1, Buffer.from(firstRequest())),
    ]);
    for (const bytes of [Buffer.alloc(0), preface.subarray(0, 10), asking]) {
      for (const address of [other.xdsAddress, other.httpUrl]) {
        const client = rawConnection(address);
        await once(client, "connect");
        client.write(bytes);
        if (bytes === asking && address === other.xdsAddress) await once(client, "data");
        client.pause();
      }
    }
    const beginMs = performance.now();
    await other.kill("SIGTERM");
    expect(other.ending, other.logTail()).toBe("exit code 0");
    expect(performance.now() - beginMs).toBeLessThan(drainMs + slackMs);
  });
});
