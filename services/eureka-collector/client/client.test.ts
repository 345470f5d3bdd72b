import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Fault } from "../../../shared/simulators/eureka/server.ts";
import { errorText, isMeshError, MeshError } from "../../../shared/runtime/errors.ts";
import { createLogger } from "../../../shared/runtime/log.ts";
import type { EurekaClient } from "./client.ts";
import type { StartedServer } from "../eureka-rig.ts";
import { clientOf, eventually, json, startServer, status, up } from "../eureka-rig.ts";

const { signal } = new AbortController();

/** A server with one instance, of an application that says which server it is. */
async function start(name = "A", fault?: StartedServer["server"]["fault"]): Promise<StartedServer> {
  const started = await startServer(fault);
  started.server.registry.register(name, up("1"));
  return started;
}

async function names(client: EurekaClient): Promise<string[]> {
  return (await client.fetchAll(signal)).applications.map(({ name }) => name);
}

async function failure(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await work.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof MeshError)) throw new TypeError(`no MeshError: ${String(error)}`);
  return { code: error.code, message: errorText(error) };
}

const list = (size: number) =>
  JSON.stringify({ applications: { apps__hashcode: "", application: [{ name: "B", x: "x".repeat(size) }] } });

/** Sends the text again and again, a piece at each pull after a pause. */
function dripping(pieces: readonly string[], turns: number, pauseMs: number): Response {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await delay(pauseMs);
      controller.enqueue(Buffer.from(pieces[sent++ % pieces.length] ?? ""));
      if (sent === turns * pieces.length) controller.close();
    },
  });
  return new Response(body, { headers: { "Content-Type": "application/json" } });
}

const endlessly = () => dripping([" "], Infinity, 5);

describe("EurekaClient", () => {
  test("tells how each request ended, also of a server that another one stands in for", async () => {
    const { url: broken } = await start("A", () => status(500));
    const { url } = await start();
    const requests: boolean[] = [];
    const client = clientOf([broken, url], { requested: (success) => requests.push(success) });
    await client.fetchAll(signal);
    await client.fetchDelta(signal);
    expect(requests).toEqual([false, true, true]);
  });

  test("reads everything, and what changed", async () => {
    const { server, url } = await start();
    const client = clientOf([`${url}/`]);
    const all = await client.fetchAll(signal);
    expect(all).toMatchObject({
      applications: [{ name: "A", instances: [{ id: "1" }] }],
      hash: "UP_1_",
      server: 0,
    });
    server.registry.cancel("A", "1");
    const delta = await client.fetchDelta(signal);
    expect(delta).toMatchObject({
      applications: [{ name: "A", instances: [{ action: "DELETED" }] }],
      hash: "",
    });
  });

  test("asks for JSON, and for gzip", async () => {
    const asked: Headers[] = [];
    const { url } = await start("A", (_path, headers) => {
      asked.push(headers);
      return json(gzipSync(list(0)), { "Content-Encoding": "gzip" });
    });
    expect(await names(clientOf([url]))).toEqual(["B"]);
    expect(asked[0]?.get("accept")).toBe("application/json");
    expect(asked[0]?.get("accept-encoding")).toContain("gzip");
  });

  test("tells records that it can't use", async () => {
    const list = { application: [{ name: "A", instance: [up("1"), 7] }, { instance: [] }] };
    const { url } = await startServer(() => json(JSON.stringify({ applications: list })));
    const { invalidRecords, applications } = await clientOf([url]).fetchAll(signal);
    expect([...invalidRecords]).toEqual([
      ["A[1]", "is a number, not an object"],
      ["application", "has no name"],
    ]);
    expect(applications[0]?.instances).toHaveLength(1);
  });

  test("takes the next server when one fails, and stays with it", async () => {
    const first = await start("FIRST");
    const second = await start("SECOND");
    const client = clientOf([first.url, second.url]);
    expect(await names(client)).toEqual(["FIRST"]);
    first.server.fault = () => status(500);
    expect(await names(client)).toEqual(["SECOND"]);
    first.server.fault = undefined;
    expect(await names(client)).toEqual(["SECOND"]);
    expect(client.server).toBe(1);
    await second.server[Symbol.asyncDispose]();
    expect(await names(client)).toEqual(["FIRST"]);
  });

  test("asks the present server alone for what changed", async () => {
    const [first, second] = [await start("FIRST"), await start("SECOND")];
    const client = clientOf([first.url, second.url]);
    first.server.fault = () => status(403);
    await expect(client.fetchDelta(signal)).rejects.toThrow("HTTP 403");
    expect(client.server).toBe(0);
    expect(second.server.requests.size).toBe(0);
  });

  test("names every server that failed, and why", async () => {
    const first = await start("A", () => status(503));
    const second = await start("A", () => json("<applications/>"));
    const { code, message } = await failure(clientOf([first.url, second.url]).fetchAll(signal));
    expect(code).toBe("registry-unavailable");
    expect(message).toContain(
      `${first.url}/apps: HTTP 503; ${second.url}/apps: Eureka's answer is XML or HTML`,
    );
  });

  test("sends the address's credentials, percent-decoded, and shows them to nobody", async () => {
    const asked: (string | null)[] = [];
    const { url } = await start("A", (_path, headers) => {
      asked.push(headers.get("authorization"));
      return status(401);
    });
    const secret = "p@ss:ü%/";
    const address = url.replace("http://", `http://us%40er:${encodeURIComponent(secret)}@`);
    const logged: string[] = [];
    const spy = createLogger("test");
    spy.level = "silent";
    spy.warn = (...args: unknown[]) => void logged.push(JSON.stringify(args));
    const { message } = await failure(clientOf([address, address], { log: spy }).fetchAll(signal));
    expect(asked).toEqual(Array(2).fill(`Basic ${Buffer.from(`us@er:${secret}`).toString("base64")}`));
    expect(message).toContain("HTTP 401 (are user name and password in the address?)");
    expect(logged).toHaveLength(2);
    for (const text of [message, ...logged]) {
      for (const part of [secret, encodeURIComponent(secret), "us@er", "us%40er"]) {
        expect(text).not.toContain(part);
      }
    }
  });

  test("refuses an address that is no URL, without showing its password", () => {
    try {
      clientOf(["http://user:pa#hunter2@host/eureka"]);
      expect.unreachable();
    } catch (error) {
      expect(isMeshError(error, "configuration")).toBe(true);
      expect(inspect(error)).not.toContain("hunter2");
      expect(inspect(error)).toContain("http://***@host/eureka");
    }
  });

  test("takes a password with a stray % as it is", async () => {
    let asked: string | null = "";
    const { url } = await start("A", (_path, headers) => {
      asked = headers.get("authorization");
      return undefined;
    });
    expect(await names(clientOf([url.replace("http://", "http://u:100%@")]))).toEqual(["A"]);
    expect(asked).toBe(`Basic ${Buffer.from("u:100%").toString("base64")}`);
  });

  test("repeats a conditional request for what changed, and takes «not modified» for the same answer", async () => {
    const asked: (string | null)[] = [];
    const { url } = await start("A", (path, headers) => {
      if (path !== "/apps/delta") return undefined;
      asked.push(headers.get("if-none-match"));
      return headers.get("if-none-match") === '"1"' ? status(304) : json(list(0), { ETag: '"1"' });
    });
    const client = clientOf([url]);
    const first = await client.fetchDelta(signal);
    expect(await client.fetchDelta(signal)).toEqual(first);
    expect(asked).toEqual([null, '"1"']);
  });

  const cases: readonly (readonly [what: string, fault: () => Fault, code: string, message: RegExp])[] = [
    [
      "403",
      () => status(403),
      "registry-unavailable",
      /HTTP 403 \(a server that has just started/,
    ],
    [
      "404",
      () => status(404),
      "registry-unavailable",
      /HTTP 404 \(is the path right\?/,
    ],
    ["500", () => new Response("oops", { status: 500 }), "registry-unavailable", /HTTP 500/],
    ["204", () => status(204), "registry-unavailable", /HTTP 204/],
    [
      "a redirection to nowhere",
      () => status(307),
      "registry-unavailable",
      /HTTP 307/,
    ],
    [
      "XML",
      () => new Response('<?xml version="1.0"?><applications/>'),
      "protocol-violation",
      /is XML or HTML/,
    ],
    ["an empty body", () => json(""), "protocol-violation", /is empty/],
    ["an error in JSON", () => json('{"error":"x"}'), "protocol-violation", /is no list of applications/],
    ["a truncated body", () => json(list(100).slice(0, 80)), "protocol-violation", /was cut off/],
    [
      "broken gzip",
      () => json("no gzip", { "Content-Encoding": "gzip" }),
      "registry-unavailable",
      /incorrect header check|terminated/,
    ],
    [
      "more than the limit",
      () => json(list(1e6)),
      "protocol-violation",
      /more than 100000 bytes: raise eurekaSource.maxResponseBytes/,
    ],
    [
      "a gzip bomb",
      () => json(gzipSync(list(1e7)), { "Content-Encoding": "gzip" }),
      "protocol-violation",
      /more than 100000 bytes/,
    ],
  ];
  test.each(cases)("refuses %s", async (_what, fault, code, message) => {
    const { url } = await start("A", fault);
    const client = clientOf([url], { requestTimeoutMs: 30_000, maxResponseBytes: 100_000 });
    for (const work of [() => client.fetchAll(signal), () => client.fetchDelta(signal)]) {
      const found = await failure(work());
      expect(found).toEqual({ code, message: expect.stringMatching(message) });
      expect(found.message).toContain(`${url}/apps`);
    }
  });

  const unfinished: readonly (readonly [what: string, fault: () => Fault])[] = [
    ["no answer", () => "hang"],
    ["a drip without end", endlessly],
  ];
  test.each(unfinished)("gives up %s when the time is over", async (_what, fault) => {
    const { url } = await start("A", fault);
    const client = clientOf([url], { requestTimeoutMs: 300 });
    for (const work of [() => client.fetchAll(signal), () => client.fetchDelta(signal)]) {
      const { code, message } = await failure(work());
      expect(code).toBe("registry-unavailable");
      expect(message).toMatch(/no complete answer within 300 ms/);
      expect(message).toContain(`${url}/apps`);
    }
  });

  test("refuses a body that is shorter than announced", async () => {
    const { url } = await start("A", () => json(list(0), { "Content-Length": "5000" }));
    const { code } = await failure(clientOf([url], { requestTimeoutMs: 500 }).fetchAll(signal));
    expect(code).toBe("registry-unavailable");
  });

  test("says that nobody listens", async () => {
    const { server, url } = await start();
    await server[Symbol.asyncDispose]();
    const { code, message } = await failure(clientOf([url]).fetchAll(signal));
    expect(code).toBe("registry-unavailable");
    expect(message).toMatch(/ECONNREFUSED/);
  });

  test("says that the connection broke", async () => {
    const { server, url } = await start("A", endlessly);
    const work = failure(clientOf([url]).fetchAll(signal));
    await eventually(() => server.requests.get("/apps")).toBe(1);
    await server[Symbol.asyncDispose]();
    const { code, message } = await work;
    expect(code).toBe("registry-unavailable");
    expect(message).toMatch(/terminated|socket|closed/);
  });

  test("reads an answer that comes piece by piece", async () => {
    const { url } = await start("A", () => dripping(Array.from(list(0)), 1, 1));
    expect(await names(clientOf([url]))).toEqual(["B"]);
  });

  test("reads 100 MB", { timeout: 60_000 }, async () => {
    const application = JSON.stringify({
      name: "A",
      instance: [{ instanceId: "1", port: 80, ipAddr: "10.0.0.1", x: "x".repeat(990_000) }],
    });
    let sent = 0;
    const body = () =>
      new ReadableStream<Uint8Array>({
        pull(controller) {
          if (sent === 100) {
            controller.enqueue(Buffer.from("]"));
            controller.close();
          } else controller.enqueue(Buffer.from(`${sent++ === 0 ? "[" : ","}${application}`));
        },
      });
    const { url } = await start("A", () => new Response(body()));
    expect((await clientOf([url], { requestTimeoutMs: 60_000 }).fetchAll(signal)).applications).toHaveLength(
      100,
    );
  });

  test("stops at once when told to", async () => {
    for (const fault of [() => "hang" as const, endlessly]) {
      const { server, url } = await start("A", fault);
      const stop = new AbortController();
      const work = clientOf([url, url]).fetchAll(stop.signal);
      await eventually(() => server.requests.get("/apps")).toBe(1);
      stop.abort();
      await expect(work).rejects.toThrow(/abort/i);
      expect(server.requests.get("/apps")).toBe(1);
    }
  });
});
