import { once } from "node:events";
import * as http2 from "node:http2";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { selfSignedCertificate } from "../../../test/servers/certificate.ts";
import type { GrpcCall } from "./grpc-call.ts";
import { path, serve, testTransport } from "./grpc-rig.ts";

const MiB = 2 ** 20;
const messageBytes = 48 * MiB;
const clients = 20;

/** As the cache has it: many pieces, shared by all clients. */
const pieces = Array.from({ length: 64 }, (_, index) => Buffer.alloc(messageBytes / 64, index + 1));

async function tlsSettings() {
  const folder = await mkdtemp(join(tmpdir(), "meshregistry-tls-"));
  onTestFinished(async () => await rm(folder, { recursive: true }));
  const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  const { cert, key } = selfSignedCertificate();
  await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);
  return { certFile, keyFile, clientCaFile: "", allowedSans: [] };
}

/** The bytes of a whole stream. */
async function readAll(stream: http2.ClientHttp2Stream): Promise<number> {
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await once(stream, "end");
  return bytes;
}

/** Among the tests with real servers, since each of them has a process of its own, whose memory this measures. */
describe("back-pressure", () => {
  test.each(["plain", "TLS"])(
    "20 stalled clients cost less than one message (%s)",
    { timeout: 30_000 },
    async (kind) => {
      const calls: GrpcCall[] = [];
      const transport = await testTransport(kind === "TLS" ? { tls: await tlsSettings() } : {});
      const server = await serve((call) => {
        calls.push(call);
        return () => {};
      }, { transport });
      const streams: http2.ClientHttp2Stream[] = [];
      for (let index = 0; index < clients; index++) {
        const scheme = kind === "TLS" ? "https" : "http";
        const session = http2.connect(`${scheme}://${server.address}`, { rejectUnauthorized: false });
        onTestFinished(() => session.destroy());
        const stream = session.request({
          ":method": "POST",
          ":path": path,
          "content-type": "application/grpc",
        });
        await once(stream, "response");
        streams.push(stream);
      }
      const before = process.memoryUsage.rss();
      for (const call of calls) call.send(pieces);
      // A ping's answer comes behind everything that could be sent until then.
      for (let round = 0; round < 3; round++) {
        await Promise.all(streams.map(async ({ session }) => {
          await new Promise<void>((resolve) => session?.ping(() => resolve()));
        }));
      }
      expect(process.memoryUsage.rss() - before).toBeLessThan(messageBytes);

      const [first, ...others] = streams;
      if (first === undefined) throw new Error("no client");
      for (const other of others) other.destroy();
      first.on("error", () => {});
      const received = readAll(first);
      first.end();
      expect(await received).toBe(messageBytes + 5);
    },
  );
});
