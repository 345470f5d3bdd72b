import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { selfSignedCertificate } from "../../../test/servers/certificate.ts";
import { SimulatedKubernetes } from "../../simulators/kubernetes/server.ts";
import type { KubernetesError } from "../kubernetes-error.ts";
import { openCluster } from "../open-cluster.ts";
import { resources } from "../kubernetes.ts";
import type { ClusterAccess, ClusterOptions } from "../kubernetes.ts";
import { item, page, refuse, ScriptedApi, send } from "../scripted-api-rig.ts";
import type { Script } from "../scripted-api-rig.ts";

const patient = { timeout: 10_000, interval: 10 };
const certificate = selfSignedCertificate();

/** An API server with TLS and one Service. */
async function startTlsApi() {
  const server = new SimulatedKubernetes({ tls: { ...certificate, clientCa: certificate.cert } });
  server.set("services", { metadata: { namespace: "ns", name: "a" } });
  return {
    server,
    url: await server.listen("127.0.0.1:0"),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A proxy as companies have them: it opens tunnels, passes plain requests on, and may ask who one is. */
async function startProxy(authorization?: string) {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const isLetIn = (header: string | undefined) => authorization === undefined || header === authorization;
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const { headers } = request;
    const passed = httpRequest(request.url ?? "", { headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    passed.end();
  });
  proxy.on("connection", (socket: Socket) => sockets.add(socket));
  proxy.on("connect", (request, client) => {
    asked.push(`CONNECT ${request.url}`);
    if (!isLetIn(request.headers["proxy-authorization"])) {
      return void client.end("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
    }
    const [host = "", port = ""] = (request.url ?? "").split(":");
    const target = connect(
      Number(port),
      host,
      () => client.write("HTTP/1.1 200 Connection established\r\n\r\n"),
    );
    sockets.add(target);
    target.on("error", () => client.destroy());
    client.on("error", () => target.destroy());
    client.pipe(target);
    target.pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const { port } = address;
  return {
    port,
    asked,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => proxy.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Follows Services; returns what came of it. */
async function follow(access: ClusterAccess, options: Partial<ClusterOptions> = {}) {
  const cluster = await openCluster(access, { name: "east", maxRetryMs: 20, environment: {}, ...options });
  const failures: KubernetesError[] = [];
  const reflector = cluster.reflect({ resource: resources.services }, {
    trim: ({ name }) => name,
    onEvent: (event) => event.type === "failed" && failures.push(event.error),
  });
  return { cluster, reflector, failures, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

/** A kubeconfig with one more key in its cluster. */
function withClusterKey(kubeconfig: string, key: string, value: string): string {
  return kubeconfig.replace('"cluster":{', `"cluster":{${JSON.stringify(key)}:${JSON.stringify(value)},`);
}

describe("a proxy", () => {
  test("is used that the environment names, with a name and a password", async () => {
    await using api = await startTlsApi();
    const header = `Basic ${Buffer.from("me:p@ss").toString("base64")}`;
    await using proxy = await startProxy(header);
    // Our own machine is never reached through a proxy by the environment; another name for it is.
    const url = api.url.replace("127.0.0.1", "127.0.0.1.nip.invalid");
    const text = withClusterKey(api.server.kubeconfig(url), "tls-server-name", "localhost");
    const HTTPS_PROXY = `http://me:p%40ss@127.0.0.1:${proxy.port}`;
    await using rig = await follow({ kind: "untrusted", text }, { environment: { HTTPS_PROXY } });
    await expect.poll(() => proxy.asked, patient).toContain(`CONNECT ${new URL(url).host}`);
    // That name leads nowhere: it is the proxy that says so.
    await expect.poll(() => rig.failures.length, patient).toBeGreaterThan(0);
    await using direct = await follow({ kind: "untrusted", text: api.server.kubeconfig(api.url) }, {
      environment: { HTTPS_PROXY },
    });
    await direct.reflector.synced(AbortSignal.timeout(10_000));
    expect(proxy.asked.filter((one) => one.includes("127.0.0.1:"))).toEqual([]);
  });

  test("is used that the kubeconfig names, whatever the environment says, and one tunnel for many pages", async () => {
    await using api = await startTlsApi();
    api.server.knowsWatchList = false;
    for (let index = 0; index < 50; index++) {
      api.server.set("services", { metadata: { namespace: "ns", name: `s${index}` } });
    }
    await using proxy = await startProxy();
    const text = withClusterKey(
      api.server.kubeconfig(api.url),
      "proxy-url",
      `http://127.0.0.1:${proxy.port}`,
    );
    const environment = { HTTPS_PROXY: "http://127.0.0.1:9", NO_PROXY: "*" };
    await using rig = await follow({ kind: "untrusted", text }, { environment, pageSize: 5 });
    await rig.reflector.synced(AbortSignal.timeout(10_000));
    expect(rig.reflector.objects.size).toBe(51);
    expect(rig.cluster.requests.list).toBe(11);
    expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT ${new URL(api.url).host}`]));
    expect(proxy.asked.length).toBeLessThan(4);
  });

  test("that refuses is named", async () => {
    await using api = await startTlsApi();
    await using proxy = await startProxy("Basic other");
    const text = withClusterKey(
      api.server.kubeconfig(api.url),
      "proxy-url",
      `http://127.0.0.1:${proxy.port}`,
    );
    await using rig = await follow({ kind: "untrusted", text });
    await expect.poll(() => rig.failures[0]?.message, patient).toContain(
      `the proxy 127.0.0.1:${proxy.port} refuses a tunnel to ${new URL(api.url).host} with status 407`,
    );
  });

  test("that isn't there is named", async () => {
    await using api = await startTlsApi();
    const text = withClusterKey(api.server.kubeconfig(api.url), "proxy-url", "http://127.0.0.1:9");
    await using rig = await follow({ kind: "untrusted", text });
    await expect.poll(() => rig.failures[0]?.message, patient).toMatch(
      /the proxy 127\.0\.0\.1:9 can't be used/,
    );
  });

  test("passes plain requests on for a server without TLS", async () => {
    await using api = await ScriptedApi.start(refuse(422, ""), page("5", undefined, item("a", "1")), send());
    await using proxy = await startProxy();
    const text = withClusterKey(api.kubeconfig, "proxy-url", `http://127.0.0.1:${proxy.port}`);
    await using rig = await follow({ kind: "text", text });
    await rig.reflector.synced(AbortSignal.timeout(10_000));
    expect(proxy.asked[1]).toMatch(/^GET http:\/\/127\.0\.0\.1:\d+\/api\/v1\/services\?limit=500$/);
  });
});

describe("connections", () => {
  test("are used again; one that the server closed meanwhile is no failure", async () => {
    const sockets = new Set<unknown>();
    /** Hangs up on the second request of a connection. */
    const once = (script: Script): Script => (response, request) => {
      if (sockets.has(request.socket)) return void request.socket.destroy();
      sockets.add(request.socket);
      script(response, request);
    };
    await using api = await ScriptedApi.start(
      once(refuse(422, "")),
      once(hangUp),
      once(page("5", "t", item("a", "1"))),
      once(hangUp),
      once(page("5", undefined, item("b", "2"))),
      send(),
    );
    await using rig = await follow({ kind: "text", text: api.kubeconfig });
    await rig.reflector.synced(AbortSignal.timeout(10_000));
    expect(rig.failures).toEqual([]);
    expect([...rig.reflector.objects.values()]).toEqual(["a", "b"]);
    expect(sockets.size).toBe(3);
  });

  test("show the client certificate that the kubeconfig's files have now", async () => {
    const folder = mkdtempSync(join(tmpdir(), "meshregistry-rotation-"));
    try {
      const other = selfSignedCertificate("DNS:other");
      await using api = await startTlsApi();
      api.server.tokens.set("none", "none");
      const kubeconfig = api.server.kubeconfig(api.url, {
        "client-certificate": "c.pem",
        "client-key": "k.pem",
      });
      const write = ({ cert, key }: typeof certificate) => {
        writeFileSync(join(folder, "c.pem"), cert);
        writeFileSync(join(folder, "k.pem"), key);
      };
      write(other);
      const path = join(folder, "kubeconfig");
      writeFileSync(path, kubeconfig);
      await using rig = await follow({ kind: "file", path });
      await expect.poll(() => rig.failures[0]?.reason, patient).toBe("unauthorized");
      write(certificate);
      await rig.reflector.synced(AbortSignal.timeout(10_000));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

const hangUp: Script = (response) => void response.socket?.destroy();
