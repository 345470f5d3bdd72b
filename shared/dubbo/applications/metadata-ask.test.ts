import type { ServiceDefinition } from "@grpc/grpc-js";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { isMeshError } from "../../runtime/errors.ts";
import type { DubboInstance } from "./application-node.ts";
import { decodeApplicationNode } from "./application-node.ts";
import { askingInstances, metadataAddress } from "./metadata-ask.ts";
import { HessianReader } from "./metadata-hessian.ts";
import { recordedAnswer } from "./recorded-tree-rig.ts";

/** The instance that gave a recorded answer, as if it were on a port of ours. */
function instanceOf(application: string, port: number): DubboInstance {
  const { path, node } = recordedAnswer(application);
  const decoded = decodeApplicationNode({ path, data: Buffer.from(node) }, () => {});
  if (decoded?.kind !== "dubbo") throw new RangeError("no instance of Dubbo was recorded");
  const metadataService = { ...decoded.metadataService, port: String(port) };
  return { ...decoded, host: "127.0.0.1", port, metadataService };
}

/** A server that does with a connection as told; answers its port. */
async function serve(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    onConnection(socket);
  }).listen(0, "127.0.0.1");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server, "listening");
  return portOf(server.address());
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new RangeError("no port");
  return address.port;
}

/** A gRPC server that knows one method, and answers it with what was recorded. */
async function serveTriple(
  path: string,
  application: string,
): Promise<{ port: number; headers: unknown[][] }> {
  const headers: unknown[][] = [];
  const server = new Server();
  const method: ServiceDefinition = {
    ask: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes) => bytes,
    },
  };
  server.addService(method, {
    ask: (
      call: { metadata: { get: (key: string) => unknown[] } },
      reply: (error: null, answer: Buffer) => void,
    ) => {
      headers.push([...call.metadata.get("tri-service-version"), ...call.metadata.get("tri-service-group")]);
      reply(null, recordedAnswer(application).answer);
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync(
    "127.0.0.1:0",
    ServerCredentials.createInsecure(),
    (error, port) => error === null ? resolve(port) : reject(error),
  );
  onTestFinished(() => server.forceShutdown());
  return { port: await promise, headers };
}

const never = new AbortController().signal;
const ask = askingInstances(5_000);
const offered = [["lab.api.OrderService", "", "1.0.0"], ["lab.api.UserService", "blue", "2.0.0"]];

describe("askingInstances", () => {
  // Answers of real providers: Dubbo 3.3.6 and 3.2.16.
  it.each(["all-app", "old-dub"])("asks %s over the dubbo protocol", async (application) => {
    let request = Buffer.alloc(0);
    const { answer } = recordedAnswer(application);
    const port = await serve((socket) =>
      socket.on("data", (chunk) => {
        request = chunk;
        // A heartbeat before, and the answer in pieces.
        socket.write(Buffer.from("dabbe2000000000000000009000000014e", "hex"));
        socket.write(answer.subarray(0, 30));
        setImmediate(() => socket.write(answer.subarray(30)));
      })
    );
    const instance = instanceOf(application, port);
    const info = await ask(instance, never);
    expect(info).toMatchObject({ application, revision: instance.revision });
    expect(info.services.map(({ name, group, version }) => [name, group, version])).toEqual(offered);
    expect(info.services[0]?.parameters).toMatchObject({ weight: "200", methods: "cancel,get,list" });
    const body = new HessianReader(request.subarray(16));
    const values: unknown[] = [];
    while (!body.done) values.push(body.read());
    const service = "org.apache.dubbo.metadata.MetadataService";
    expect(values).toEqual([
      "2.0.2",
      service,
      "1.0.0",
      "getMetadataInfo",
      "Ljava/lang/String;",
      instance.revision,
      { path: service, interface: service, version: "1.0.0", group: application },
    ]);
  });

  it.each([
    ["tri-app", "2.0.0", "/org.apache.dubbo.metadata.MetadataServiceV2/GetMetadataInfo"],
    ["old-tri", "1.0.0", "/org.apache.dubbo.metadata.MetadataService/getMetadataInfo"],
  ])("asks %s over Triple, version %s", async (application, version, path) => {
    const { port, headers } = await serveTriple(path, application);
    const instance = instanceOf(application, port);
    const info = await ask(instance, never);
    expect(info).toMatchObject({ application, revision: instance.revision });
    expect(info.services.map(({ name, group, version: its }) => [name, group, its])).toEqual(offered);
    expect(headers).toEqual([[version, application]]);
  });

  it.each(
    [
      ["has ended", (socket: Socket) => socket.end(), "registry-unavailable"],
      [
        "speaks something else",
        (socket: Socket) => socket.write("HTTP/1.1 400 Bad Request"),
        "protocol-violation",
      ],
      ["refuses", (socket: Socket) =>
        // Status 40: service not found.
        socket.write(Buffer.from("dabb022800000000000000010000000403666f6f", "hex")), "protocol-violation"],
      [
        "knows the revision no more",
        (socket: Socket) => socket.write(Buffer.from("dabb02140000000000000001000000019200", "hex")),
        "protocol-violation",
      ],
      [
        "promises too much",
        (socket: Socket) => socket.write(Buffer.from("dabb02140000000000000001ffffffff", "hex")),
        "protocol-violation",
      ],
    ] as const,
  )("says what is wrong with one that %s", async (_, onConnection, code) => {
    const port = await serve(onConnection);
    const failure: unknown = await ask(instanceOf("all-app", port), never).catch((error: unknown) => error);
    expect(isMeshError(failure, code)).toBe(true);
  });

  it.each(["all-app", "tri-app"])(
    "waits no longer than it was told, and stops when told to (%s)",
    async (app) => {
      const { promise: connected, resolve: isConnected } = Promise.withResolvers<void>();
      const instance = instanceOf(app, await serve(() => isConnected()));
      await expect(askingInstances(20)(instance, never)).rejects.toThrow("no answer in time");
      const controller = new AbortController();
      const asking = ask(instance, controller.signal);
      await connected;
      controller.abort();
      await expect(asking).rejects.toThrow("no answer in time");
    },
  );

  it("doesn't ask in a protocol that isn't known here", async () => {
    const instance = instanceOf("all-app", 1);
    await expect(ask({ ...instance, metadataService: { protocol: "rest", port: "1" } }, never))
      .rejects.toThrow("doesn't say how");
  });
});

describe("metadataAddress", () => {
  it("is what the node says, or the port of tri for the second version", () => {
    const instance = instanceOf("all-app", 20_880);
    expect(metadataAddress(instance)).toEqual({ protocol: "dubbo", port: 20_880 });
    const ports = new Map([["dubbo", 1], ["tri", 2]]);
    const bare = { ...instance, metadataService: undefined, ports };
    expect(metadataAddress({ ...bare, metadataVersion: "2.0.0" })).toEqual({ protocol: "tri", port: 2 });
    expect(metadataAddress(bare)).toBeUndefined();
    expect(metadataAddress({ ...bare, metadataService: { protocol: "tri", port: "70000" } }))
      .toEqual({ protocol: "tri", port: 2 });
  });
});
