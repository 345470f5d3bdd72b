import { Hono } from "hono";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { selfSignedCertificate } from "../../test/servers/certificate.ts";
import { httpCertificate, serveHttp } from "./http-server.ts";
import { createLogger } from "./log.ts";

const log = createLogger("test");
log.level = "silent";

/** What the server answers a new connection that trusts one certificate; or the error's code. */
async function ask(url: string, ca: string): Promise<string> {
  const asking = request(url, { ca, agent: false });
  asking.end();
  try {
    const [response] = await once(asking, "response");
    let text = "";
    for await (const chunk of response) text += String(chunk);
    return text;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

test("serves over TLS, takes a renewed certificate, and nothing in plain text", async () => {
  const [first, second] = [selfSignedCertificate(), selfSignedCertificate()];
  const folder = await mkdtemp(join(tmpdir(), "meshregistry-http-tls-"));
  onTestFinished(async () => await rm(folder, { recursive: true }));
  const tls = { certFile: join(folder, "tls.crt"), keyFile: join(folder, "tls.key") };
  const write = async ({ cert, key }: typeof first) => {
    await writeFile(tls.certFile, cert);
    await writeFile(tls.keyFile, key);
  };
  await write(first);
  const certificate = await httpCertificate(tls, log);
  onTestFinished(() => certificate?.[Symbol.dispose]());
  const app = new Hono().get("/", (c) => c.text("here"));
  const server = await serveHttp(app, "127.0.0.1:0", "a key", { certificate });
  onTestFinished(() => server[Symbol.asyncDispose]());
  expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  expect(await ask(server.url, first.cert)).toBe("here");
  expect(await ask(server.url, second.cert)).not.toBe("here");
  await expect(fetch(server.url.replace("https", "http"))).rejects.toThrow();
  await write(second);
  await certificate?.refresh();
  expect(await ask(server.url, second.cert)).toBe("here");
  expect(await ask(server.url, first.cert)).not.toBe("here");
});

test("says at the start which file can't be used", async () => {
  await expect(httpCertificate({ certFile: "/no/such/file", keyFile: "/nor/this" }, log)).rejects
    .toMatchObject({
      code: "configuration",
      message: expect.stringContaining("http.tls"),
    });
  expect(await httpCertificate(undefined, log)).toBe(undefined);
});
