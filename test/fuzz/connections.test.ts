import fc from "fast-check";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import type { GrpcCall } from "../../services/aggregator/grpc/grpc-call.ts";
import { connect, echo, listen, open, path, testTransport } from "../../services/aggregator/grpc/grpc-rig.ts";
import {
  callData,
  callHeaders,
  emptySettings,
  frame,
  preface,
  prefixed,
  rawConnection,
} from "../../services/aggregator/grpc/raw-http2-rig.ts";
import { start } from "../../services/aggregator/aggregator-rig.ts";
import { damaged, inPieces, pieceSizes, runs, timeLimit } from "./fuzz-rig.ts";

const streamId = fc.oneof(fc.constantFrom(0, 1, 3, 5), fc.nat({ max: 0x7fffffff }));
const anyFrame = fc.oneof(
  streamId.map((stream) => callHeaders(stream)),
  fc.record({ stream: streamId, message: fc.uint8Array({ maxLength: 50 }) }).map(({ stream, message }) =>
    callData(stream, prefixed(message))
  ),
  fc.record({
    type: fc.nat({ max: 12 }),
    flags: fc.nat({ max: 255 }),
    stream: streamId,
    payload: fc.uint8Array({ maxLength: 60 }),
  }).map(({ type, flags, stream, payload }) => frame(type, flags, stream, payload)),
);
const conversation = fc.array(anyFrame, { maxLength: 12 }).map((frames) =>
  Buffer.concat([preface, emptySettings, ...frames])
);

test("whatever one connection brings, the others are served", async () => {
  const method = (call: GrpcCall) => ({ onMessage: echo(call), onClose() {} });
  const server = await listen(new Map([[path, method]]), await testTransport({ requestTimeout: 200 }));
  const honest = open(connect(server));
  honest.on("error", () => {});
  onTestFinished(() => honest.cancel());
  await fc.assert(
    fc.asyncProperty(damaged(conversation), pieceSizes, async (bytes, sizes) => {
      const client = rawConnection(server.address);
      client.resume();
      await once(client, "connect");
      for (const piece of inPieces(bytes, sizes)) client.write(piece);
      honest.write(Buffer.from("x"));
      const [answer] = await once(honest, "data");
      expect(String(answer)).toBe("x");
      client.destroy();
    }),
    runs(100),
  );
}, timeLimit(30_000));

const parameter = fc.constantFrom(
  "format",
  "layout",
  "res",
  "typeUrl",
  "gvk",
  "ns",
  "name",
  "ver",
  "k8sRsc",
  "detail",
  "registries",
  "app",
  "iface",
  "interfaceName",
  "all",
  "clientId",
  "ser",
  "version",
);
const value = fc.oneof(
  fc.constantFrom(
    "json",
    "yaml",
    "list",
    "plain",
    "true",
    "networking.istio.io/v1/ServiceEntry",
    "%",
    "%00",
    "%0a",
    "%ff",
  ),
  fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
);
const page = fc.constantFrom(
  "xdsCache",
  "eureka",
  "zk",
  "zks",
  "dubboCallModel",
  "sidecarDubboCallModel",
  "args",
  "clients",
  "ready",
  "sources",
  "virtualAddresses",
  "rejected",
  "shadowed",
  "configs",
  "%2e%2e/etc/passwd",
);
const query = fc.record({ page, pairs: fc.array(fc.tuple(parameter, value), { maxLength: 5 }) }).map((
  { page, pairs },
) => `${page}?${pairs.map((pair) => pair.join("=")).join("&")}`);

test(
  "a query of the debug API or of long polling is answered, never with an error of the server's own",
  async () => {
    const { aggregator } = await start({
      xds: { listeners: [{ address: "http://127.0.0.1:0" }] },
    });
    const polling = aggregator.xdsAddresses.at(-1) ?? "";
    await fc.assert(
      fc.asyncProperty(query, async (query) => {
        const bases = query.startsWith("configs") ? [] : [`${aggregator.http.url}/meshregistry`];
        for (const base of [...bases, `http://${polling}`]) {
          // Polls of a type are held while nothing is served; whether they are taken is all that counts here.
          const stop = AbortSignal.timeout(query.startsWith("configs") ? 20 : 10_000);
          const status = await fetch(`${base}/${query}`, { signal: stop }).then(async (response) => {
            const text = await response.text();
            expect(text).not.toMatch(/\n\s+at .*:\d+:\d+/);
            return response.status;
          }).catch((error: unknown) => {
            if (stop.aborted) return 0;
            throw error;
          });
          expect([0, 200, 301, 400, 404, 405, 503]).toContain(status);
        }
      }),
      runs(200),
    );
  },
  timeLimit(30_000),
);
