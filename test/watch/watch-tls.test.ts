import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { selfSignedCertificate } from "../servers/certificate.ts";
import { run as meshctl } from "../../services/meshctl/meshctl-rig.ts";
import { entry, lines, startAggregator, watch } from "./watch-rig.ts";

const folder = mkdtempSync(join(tmpdir(), "meshctl-tls-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a certificate and its key to files. */
function certificate(name: string, ...sans: string[]) {
  const { cert, key } = selfSignedCertificate(...sans);
  const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  return files;
}

const server = certificate("server", "DNS:meshregistry.istio-system.svc");
const client = certificate("client");

async function serve(clientCaFile = "", address = "127.0.0.1:0") {
  const aggregator = startAggregator({
    tls: { certFile: server.cert, keyFile: server.key, clientCaFile, allowedSans: [] },
  });
  aggregator.put(entry("orders", ["10.0.0.1"]));
  return await aggregator.listen(address);
}

describe("meshctl watch over TLS", () => {
  test.each(["sotw", "delta", "incremental"])(
    "%s, with and without a certificate of our own",
    async (dialect) => {
      const own = ["--cert", client.cert, "--key", client.key];
      for (const [clientCa, args] of [["", []], [client.cert, own]] as const) {
        const address = await serve(clientCa);
        const run = watch("--address", address, "--dialect", dialect, "--ca", server.cert, ...args, "--once");
        expect(await run.code).toBe(0);
        expect(run.err).toBe("");
        expect(lines(run.out)).toHaveLength(1);
      }
    },
  );

  test("takes the name that the certificate has", async () => {
    const args = ["--address", await serve(), "--ca", server.cert];
    const good = watch(...args, "--server-name", "meshregistry.istio-system.svc", "--once");
    expect(await good.code).toBe(0);
    const bad = watch(...args, "--server-name", "elsewhere.svc", "--once");
    await expect.poll(() => bad.err).toMatch(/no connection to .*elsewhere\.svc/);
    expect(await bad.stop()).toBe(1);
  });

  test("holds the certificate against an address that is no name", async () => {
    const run = watch("--address", await serve("", "127.0.0.2:0"), "--ca", server.cert, "--once");
    await expect.poll(() => run.err).toMatch(/no connection to .*127\.0\.0\.2 is not in the cert's list/);
    expect(await run.stop()).toBe(1);
  });

  test.each([
    ["a CA that isn't the server's", "", ["--ca", client.cert], /self-signed certificate/],
    ["public CAs, which don't know it", "", ["--tls"], /self-signed certificate/],
    ["plain text", "", [], /TLS/],
    ["no certificate of our own", client.cert, ["--ca", server.cert], /certificate required/],
  ])("fails with %s", async (_, clientCa, args, message) => {
    const run = watch("--address", await serve(clientCa), ...args, "--once");
    await expect.poll(() => run.err).toMatch(/no connection to/);
    expect(run.err).toMatch(message);
    expect(await run.stop()).toBe(1);
  });

  test("asked of a server in plain text, says that it may be one", async () => {
    const run = watch("--address", await startAggregator().listen(), "--ca", server.cert, "--once");
    await expect.poll(() => run.err).toMatch(/no connection to .*plain text/);
    expect(await run.stop()).toBe(1);
  });

  test("wants the key of the certificate", async () => {
    const mixed = await meshctl("watch", "--cert", client.cert, "--key", server.key);
    expect(mixed).toMatchObject({ code: 2, out: "" });
    expect(mixed.err).toMatch(
      /--key .*server\.key is not the key of the certificate in --cert .*client\.crt/,
    );
    const none = await meshctl("watch", "--cert", client.cert, "--key", client.cert);
    expect(none).toMatchObject({ code: 2, out: "" });
    expect(none.err).toMatch(/--key .*client\.crt: there is no private key in it/);
  });
});
