import * as grpc from "@grpc/grpc-js";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { selfSignedCertificate } from "../../../test/servers/certificate.ts";
import type { Certificate } from "../../../test/servers/certificate.ts";
import { GrpcStatus } from "./grpc-call.ts";
import {
  connect,
  echo,
  next,
  open,
  serve,
  silentLog,
  statusOf,
  testSettings,
  testTransport,
} from "./grpc-rig.ts";
import type { GrpcServer } from "./grpc-server.ts";
import { Transport } from "./transport.ts";

const first = selfSignedCertificate();
const second = selfSignedCertificate();
const istiod = "spiffe://cluster.local/ns/istio-system/sa/istiod";
const istiodsCertificate = selfSignedCertificate(`URI:${istiod}`);
const stranger = selfSignedCertificate("URI:spiffe://cluster.local/ns/x/sa/y");

/** A folder as Kubernetes mounts a Secret: files are links to files behind a link to a folder, which is exchanged. */
class SecretVolume {
  readonly folder: string;
  #generation = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(files: Readonly<Record<string, string>>): Promise<SecretVolume> {
    const volume = new SecretVolume(await mkdtemp(join(tmpdir(), "meshregistry-tls-")));
    onTestFinished(async () => await rm(volume.folder, { recursive: true }));
    await volume.replace(files);
    for (const name of Object.keys(files)) {
      await symlink(join("..data", name), join(volume.folder, name));
    }
    return volume;
  }

  async replace(files: Readonly<Record<string, string>>): Promise<void> {
    const next = `..${++this.#generation}`;
    await mkdir(join(this.folder, next));
    for (const [name, text] of Object.entries(files)) await writeFile(join(this.folder, next, name), text);
    await symlink(next, join(this.folder, "..data_tmp"));
    await rename(join(this.folder, "..data_tmp"), join(this.folder, "..data"));
  }

  settings(more: { readonly clientCaFile?: string; readonly allowedSans?: readonly string[] } = {}) {
    const path = (name: string) => join(this.folder, name);
    return {
      certFile: path("tls.crt"),
      keyFile: path("tls.key"),
      clientCaFile: more.clientCaFile === undefined ? "" : path(more.clientCaFile),
      allowedSans: more.allowedSans ?? [],
    };
  }
}

function secret({ cert, key }: Certificate, clientCa = ""): Record<string, string> {
  return { "tls.crt": cert, "tls.key": key, "ca.crt": clientCa };
}

function credentials(trusted: Certificate, own?: Certificate): grpc.ChannelCredentials {
  return grpc.credentials.createSsl(
    Buffer.from(trusted.cert),
    own === undefined ? null : Buffer.from(own.key),
    own === undefined ? null : Buffer.from(own.cert),
  );
}

/** What the server answers to one message of a new connection, or the status that it ends with. */
async function tryCall(server: GrpcServer, trusted: Certificate, own?: Certificate): Promise<unknown> {
  const call = open(connect(server, credentials(trusted, own)));
  const status = statusOf(call);
  const answer = next(call).catch(() => undefined);
  call.write(Buffer.from("x"));
  const text = (await Promise.race([answer, status.then(() => undefined)]))?.toString();
  if (text !== undefined) {
    call.cancel();
    return text;
  }
  const { code, details } = await status;
  return { code, details };
}

/** A logger, and its warnings as text. */
function keptLog() {
  const log = silentLog();
  const warn = vi.spyOn(log, "warn");
  return { log, warnings: () => warn.mock.calls.map((call) => JSON.stringify(call)) };
}

describe("TLS", () => {
  test("serves clients that trust the certificate, and nobody in plain text", async () => {
    const tls = (await SecretVolume.create(secret(first))).settings();
    const server = await serve(echo, { transport: await testTransport({ tls }) });
    expect(await tryCall(server, first)).toBe("x");
    expect(await tryCall(server, second)).toMatchObject({ code: GrpcStatus.unavailable });
    const plain = await statusOf(open(connect(server)));
    expect(plain.code).toBe(GrpcStatus.unavailable);
  });

  test("gives new connections a new certificate, and leaves those that are there", async () => {
    const volume = await SecretVolume.create(secret(first));
    const transport = await testTransport({ tls: volume.settings() });
    const server = await serve(echo, { transport });
    const old = open(connect(server, credentials(first)));
    old.write(Buffer.from("a"));
    await next(old);
    await volume.replace(secret(second));
    await transport.certificate?.refresh();
    expect(await tryCall(server, second)).toBe("x");
    old.write(Buffer.from("b"));
    expect((await next(old)).toString()).toBe("b");
    old.cancel();
  });

  test.each([
    ["isn't one", { ...secret(first), "tls.crt": "nonsense" }],
    ["isn't that of the key", { ...secret(second), "tls.key": first.key }],
  ])("keeps the old certificate while the new one %s, and says so once", async (_, broken) => {
    const { log, warnings } = keptLog();
    const volume = await SecretVolume.create(secret(first));
    const transport = await testTransport({ tls: volume.settings() }, log);
    const server = await serve(echo, { transport });
    await volume.replace(broken);
    await transport.certificate?.refresh();
    await transport.certificate?.refresh();
    expect(await tryCall(server, first)).toBe("x");
    expect(warnings().filter((text) => text.includes("can't use the new certificate"))).toHaveLength(1);
    await volume.replace(secret(second));
    await transport.certificate?.refresh();
    expect(await tryCall(server, second)).toBe("x");
  });

  test("says at the start which file can't be used", async () => {
    const volume = await SecretVolume.create({ ...secret(first), "tls.key": second.key });
    const opened = Transport.open(testSettings({ tls: volume.settings() }), silentLog());
    await expect(opened).rejects.toThrow(/xds\.tls: the key in .*tls\.key is not that of the certificate/);
    const missing = { ...volume.settings(), certFile: "/no/such/file" };
    await expect(Transport.open(testSettings({ tls: missing }), silentLog())).rejects.toMatchObject({
      code: "configuration",
    });
  });

  test("takes no protocol but HTTP/2", async () => {
    const tls = (await SecretVolume.create(secret(first))).settings();
    const server = await serve(echo, { transport: await testTransport({ tls }) });
    const socket = connectTls({
      port: Number(server.address.split(":")[1]),
      host: "127.0.0.1",
      ca: first.cert,
      ALPNProtocols: ["http/1.1"],
    });
    socket.on("error", () => {});
    await new Promise((resolve) => socket.resume().once("close", resolve));
  });
});

describe("mutual TLS", () => {
  const clientCa = istiodsCertificate.cert + stranger.cert;

  test("serves only clients with a certificate of the CA", async () => {
    const { log, warnings } = keptLog();
    const tls = (await SecretVolume.create(secret(first, clientCa))).settings({ clientCaFile: "ca.crt" });
    const server = await serve(echo, { transport: await testTransport({ tls }, log) });
    expect(await tryCall(server, first, istiodsCertificate)).toBe("x");
    expect(await tryCall(server, first, second)).toMatchObject({ code: GrpcStatus.unavailable });
    expect(await tryCall(server, first)).toMatchObject({ code: GrpcStatus.unavailable });
    expect(warnings().join("\n")).toContain("TLS handshake with a client failed");
  });

  test("refuses clients whose names aren't listed, and says which it has", async () => {
    const { log, warnings } = keptLog();
    const tls = (await SecretVolume.create(secret(first, clientCa))).settings({
      clientCaFile: "ca.crt",
      allowedSans: [istiod],
    });
    const server = await serve(echo, { transport: await testTransport({ tls }, log) });
    expect(await tryCall(server, first, istiodsCertificate)).toBe("x");
    expect(await tryCall(server, first, stranger)).toMatchObject({
      code: GrpcStatus.unauthenticated,
      details: expect.stringContaining("allowedSans"),
    });
    expect(warnings().join("\n")).toMatch(/spiffe:\/\/cluster\.local\/ns\/x\/sa\/y.*xDS client refused/);
  });

  test("believes a new CA from the next connection on", async () => {
    const volume = await SecretVolume.create(secret(first, istiodsCertificate.cert));
    const transport = await testTransport({ tls: volume.settings({ clientCaFile: "ca.crt" }) });
    const server = await serve(echo, { transport });
    expect(await tryCall(server, first, stranger)).toMatchObject({ code: GrpcStatus.unavailable });
    await volume.replace(secret(first, stranger.cert));
    await transport.certificate?.refresh();
    expect(await tryCall(server, first, stranger)).toBe("x");
    expect(await tryCall(server, first, istiodsCertificate)).toMatchObject({ code: GrpcStatus.unavailable });
  });
});
