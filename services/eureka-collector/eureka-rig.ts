import { expect, onTestFinished } from "vitest";
import type { NewInstance } from "../../shared/simulators/eureka/registry.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { EurekaClient } from "./client/client.ts";
import type { EurekaClientOptions } from "./client/client.ts";

/** A logger that says nothing. */
export const silentLog = createLogger("test");
silentLog.level = "silent";

/** A simulated server that a test started; it ends with the test. */
export interface StartedServer {
  readonly server: EurekaServer;
  readonly url: string;
}

/** Starts an empty simulated server. */
export async function startServer(fault?: EurekaServer["fault"]): Promise<StartedServer> {
  const server = new EurekaServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  server.fault = fault;
  return { server, url: await server.listen("127.0.0.1:0") };
}

/** A client with limits that no test meets by accident. */
export function clientOf(
  addresses: readonly string[],
  options: Partial<EurekaClientOptions> = {},
): EurekaClient {
  return new EurekaClient({
    addresses,
    requestTimeoutMs: 5000,
    maxResponseBytes: 1e9,
    log: silentLog,
    requested: () => {},
    ...options,
  });
}

/** An instance to register: usable, unless the fields say otherwise. */
export function up(id: string, fields: Readonly<Record<string, unknown>> = {}): NewInstance {
  return {
    instanceId: id,
    status: "UP",
    ipAddr: `10.0.0.${id}`,
    port: { "$": 8080 },
    metadata: {},
    ...fields,
  };
}

/** An answer with a status and nothing else. */
export function status(code: number): Response {
  return new Response(null, { status: code });
}

/** An answer in JSON. */
export function json(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, { headers: { "Content-Type": "application/json", ...headers } });
}

/** `expect.poll` with the patience for a busy machine: the time limit is the test's own. */
export function eventually<Value>(read: () => Value) {
  return expect.poll(read, { interval: 10, timeout: 60_000 });
}
