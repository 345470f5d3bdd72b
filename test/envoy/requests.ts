import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import type { Envoy } from "../servers/envoy.ts";

/** A request without an answer after this long has failed. */
const timeoutMs = 5_000;

/** Redirected connections may mean any address; istiod's HTTP listeners are for all of them. */
const anyAddress = "10.0.0.1";

/**
 * Sends an application's HTTP request to a service, on a connection of its own.
 * @returns the name of the instance that answered
 * @throws Error if the status isn't 200, or the connection fails
 */
export async function requestHttp(envoy: Envoy, host: string, port: number): Promise<string> {
  const socket = envoy.connectTo(anyAddress, port);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({
      createConnection: () => socket,
      headers: { host, connection: "close" },
      timeout: timeoutMs,
    }, resolve);
    sent.once("error", reject);
    sent.once("timeout", () => sent.destroy(new Error("no answer")));
    sent.end();
  });
  const body = await text(response);
  if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${body.trim()}`);
  return body;
}

/**
 * Sends an application's line to a TCP service, on a connection of its own.
 * @returns the name of the instance that answered
 * @throws Error if the connection is closed or fails instead
 */
export async function requestTcp(envoy: Envoy, address: string, port: number): Promise<string> {
  const socket = envoy.connectTo(address, port);
  return await new Promise<string>((resolve, reject) => {
    let received = "";
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error("no answer")));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error(`closed without an answer${received && `: ${received}`}`)));
    socket.on("data", (data) => {
      received += data.toString();
      if (!received.endsWith("\n")) return;
      resolve(received.trim());
      socket.destroy();
    });
    socket.write("x\n");
  });
}
