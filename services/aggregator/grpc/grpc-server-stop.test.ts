import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { selfSignedCertificate } from "../../../test/servers/certificate.ts";
import { echo, listen, path, testTransport } from "./grpc-rig.ts";
import type { GrpcServer } from "./grpc-server.ts";
import { callData, callHeaders, emptySettings, preface, prefixed, rawConnection } from "./raw-http2-rig.ts";

const opening = Buffer.concat([preface, emptySettings]);
/** A TLS record that announces a ClientHello of 512 bytes, and its first ones. */
const halfHandshake = Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
const drainTime = 200;
/** Far below the 10 s after which a stopping process is ended by force. */
const patienceMs = 3000;

const methods = new Map([[
  path,
  (call: Parameters<typeof echo>[0]) => ({ onMessage: echo(call), onClose() {} }),
]]);

async function tlsFiles() {
  const folder = await mkdtemp(join(tmpdir(), "meshregistry-stop-"));
  onTestFinished(async () => await rm(folder, { recursive: true }));
  const { cert, key } = selfSignedCertificate();
  const [certFile, keyFile] = [join(folder, "crt"), join(folder, "key")];
  await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);
  return { certFile, keyFile, clientCaFile: "", allowedSans: [] };
}

/** How long the server takes to stop, in milliseconds. */
async function stopMs(server: GrpcServer): Promise<number> {
  const startMs = performance.now();
  await server[Symbol.asyncDispose]();
  return performance.now() - startMs;
}

describe("a server that stops", () => {
  test.each([
    ["has said nothing", Buffer.alloc(0)],
    ["has sent half a preface", preface.subarray(0, 10)],
    ["has opened a connection and no call", opening],
    ["has opened a call and asked nothing", Buffer.concat([opening, callHeaders(1)])],
    [
      "was answered and then froze",
      Buffer.concat([opening, callHeaders(1), callData(1, prefixed(Buffer.from("x")))]),
    ],
  ])("doesn't wait for a client that %s and answers no FIN", async (_, bytes) => {
    const server = await listen(methods, await testTransport({ drainTime }));
    const client = rawConnection(server.address);
    await once(client, "connect");
    client.write(bytes);
    if (bytes.length > 0) await once(client, "data");
    client.pause();
    expect(await stopMs(server)).toBeLessThan(patienceMs);
  });

  test("doesn't wait for half a TLS handshake", async () => {
    const server = await listen(methods, await testTransport({ drainTime, tls: await tlsFiles() }));
    const client = rawConnection(server.address);
    await once(client, "connect");
    client.write(halfHandshake);
    const second = rawConnection(server.address);
    await once(second, "connect");
    expect(await stopMs(server)).toBeLessThan(patienceMs);
  });

  test("waits no longer than it must for clients that are gone already", async () => {
    const server = await listen(methods, await testTransport({ drainTime: 8000 }));
    const client = rawConnection(server.address);
    await once(client, "connect");
    client.end();
    expect(await stopMs(server)).toBeLessThan(patienceMs);
  });
});
