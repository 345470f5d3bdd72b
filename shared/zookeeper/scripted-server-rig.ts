import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { freePort } from "../../test/servers/free-port.ts";
import { FrameSplitter } from "./wire/frame-splitter.ts";
import { JuteReader, JuteWriter } from "./wire/jute.ts";
import { connectRequest, connectResponse } from "./wire/records.ts";
import type { ConnectRequest, ConnectResponse } from "./wire/records.ts";
import { writeReply } from "./wire/replies.ts";
import { readRequest } from "./wire/requests.ts";
import type { ReceivedRequest } from "./wire/requests.ts";

/** How a scripted server treats one connection. Whatever it throws fails the test. */
export interface Script {
  /** Answers the first frame; default: grants a session of 30 s with number 5. */
  greet?(connection: ScriptedConnection, request: ConnectRequest): void;
  /** Answers each frame after that; default: nothing. */
  answer?(connection: ScriptedConnection, request: ReceivedRequest): void;
}

/** One connection of a client. */
export class ScriptedConnection {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Sends what is written. */
  send(write: (writer: JuteWriter) => void): void {
    const writer = new JuteWriter();
    write(writer);
    this.#socket.write(writer.take());
  }

  greet(response: Partial<ConnectResponse> = {}): void {
    const granted = { timeoutMs: 30_000, sessionId: 5n, password: new Uint8Array(16), readOnly: false };
    this.send((writer) => writer.frame(() => connectResponse.write(writer, { ...granted, ...response })));
  }

  hangUp(): void {
    this.#socket.end();
  }
}

/** Answers ZooKeeper clients wrongly, as told: each connection by the next script, the last one again and again. */
export class ScriptedServer implements AsyncDisposable {
  readonly address: string;
  /** First frames of all connections. */
  readonly greetings: ConnectRequest[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number, scripts: readonly Script[]) {
    this.#server = server;
    this.address = `127.0.0.1:${port}`;
    let count = 0;
    server.on("connection", (socket) => {
      const script = scripts[Math.min(count++, scripts.length - 1)] ?? {};
      this.#serve(socket, script);
    });
  }

  static async start(...scripts: readonly Script[]): Promise<ScriptedServer> {
    const port = await freePort();
    const server = createServer();
    const scripted = new ScriptedServer(server, port, scripts);
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return scripted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket, script: Script): void {
    this.#sockets.add(socket);
    const connection = new ScriptedConnection(socket);
    const splitter = new FrameSplitter(2 ** 20);
    let greeted = false;
    socket.on("error", () => {});
    socket.on("data", (chunk) =>
      splitter.push(chunk, (frame) => {
        if (greeted) {
          script.answer?.(connection, readRequest(frame));
          return;
        }
        greeted = true;
        const request = connectRequest.read(new JuteReader(frame));
        this.greetings.push(request);
        if (script.greet === undefined) connection.greet();
        else script.greet(connection, request);
      }));
  }
}

const anyStat = {
  czxid: 1n,
  mzxid: 1n,
  ctime: 0n,
  mtime: 0n,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
  pzxid: 1n,
};

/** Answers as a server of one node "a" below everything does, with tree watches. */
export function answerWell(connection: ScriptedConnection, { xid, request }: ReceivedRequest): void {
  if (request?.op === "getChildren2") {
    connection.send((writer) => writeReply(writer, xid, 1n, "getChildren2", { names: ["a"], stat: anyStat }));
  } else if (request?.op === "addWatch") {
    connection.send((writer) => writeReply(writer, xid, 1n, "addWatch", undefined));
  } else if (request?.op === "closeSession") connection.hangUp();
}
