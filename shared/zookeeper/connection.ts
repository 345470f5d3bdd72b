import { connect as connectSocket } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { errorText, MeshError } from "../runtime/errors.ts";
import { hostText } from "./connect-string.ts";
import type { Host } from "./connect-string.ts";
import { Liveness } from "./liveness.ts";
import { FrameSplitter } from "./wire/frame-splitter.ts";
import { JuteWriter } from "./wire/jute.ts";
import type { ZooKeeperOptions } from "./zookeeper.ts";

/** What a connection needs, and whom it tells. */
export interface ConnectionOptions {
  readonly host: Host;
  readonly tls: ZooKeeperOptions["tls"];
  readonly maxFrameBytes: number;
  /** How long connecting, and the first frame, may take in all. */
  readonly connectTimeoutMs: number;
  /** A frame, in a turn of its own. What it throws ends the connection, if it is a MeshError. */
  onFrame(frame: Buffer): void;
  /** Called once, after frames that came before. `hungUp`: the server closed it without any error. */
  onClose(error: MeshError, hungUp: boolean): void;
  /** Has to send one. */
  onPingDue(): void;
}

/**
 * One connection: frames in, frames out, and an end, which is always an error. Many requests of one turn are one write;
 * while the socket can't take more they gather in memory.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #splitter: FrameSplitter;
  readonly #writer = new JuteWriter();
  readonly #frames: Buffer[] = [];
  #nextFrame = 0;
  #flushScheduled = false;
  #liveness: Liveness | undefined;
  #timer: NodeJS.Timeout;
  #error: MeshError | undefined;
  #isClosed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#splitter = new FrameSplitter(options.maxFrameBytes);
    this.#timer = setTimeout(() => this.#onConnectTimeout(), options.connectTimeoutMs);
    const { name: host, port } = options.host;
    const { tls } = options;
    this.#socket = tls === undefined
      ? connectSocket({ host, port, noDelay: true })
      : connectTls({ host, port, ...definedOf(tls) });
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (chunk) => this.#onData(chunk));
    this.#socket.on("drain", () => this.#flush());
    this.#socket.on("error", (error) => {
      this.#error ??= this.#failure(errorText(error), { cause: error });
    });
    // In a turn behind the frames that came before.
    this.#socket.on("close", () => setImmediate(() => this.#onSocketClose()));
  }

  /** Appends frames. They leave at the end of the turn. */
  send(write: (writer: JuteWriter) => void): void {
    if (this.#isClosed) return;
    write(this.#writer);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    // Behind the microtasks of this turn: what they send goes along.
    process.nextTick(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  /** There is a session now: pings begin, and silence ends the connection. */
  keepAlive(sessionTimeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#liveness = new Liveness(sessionTimeoutMs, performance.now());
    this.#schedule(this.#liveness);
  }

  /** Ends the connection at once. Frames that were not handled yet are lost. */
  close(error: MeshError): void {
    this.#end(error, false);
  }

  #end(error: MeshError, hungUp: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket.destroy();
    this.#options.onClose(error, hungUp);
  }

  #onSocketClose(): void {
    const error = this.#error;
    // Whatever the reason, servers tell none.
    if (error === undefined) this.#end(this.#failure("it closed the connection without a word"), true);
    else this.#end(error, false);
  }

  #onConnectTimeout(): void {
    this.close(this.#failure(`no answer within ${Math.round(this.#options.connectTimeoutMs)} ms`));
  }

  #onData(chunk: Buffer): void {
    this.#liveness?.heard(performance.now());
    try {
      this.#splitter.push(chunk, (frame) => {
        this.#frames.push(frame);
        // One turn each: whatever awaits the answer in a frame goes on before the next frame is handled. Costs 1 µs.
        setImmediate(this.#handleFrame);
      });
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      this.#socket.pause();
      setImmediate(() => this.close(this.#violation(error)));
    }
  }

  readonly #handleFrame = (): void => {
    const frame = this.#frames[this.#nextFrame++];
    if (this.#nextFrame === this.#frames.length) {
      this.#frames.length = 0;
      this.#nextFrame = 0;
    }
    if (this.#isClosed || frame === undefined) return;
    try {
      this.#options.onFrame(frame);
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      this.close(this.#violation(error));
    }
  };

  #flush(): void {
    if (this.#isClosed || this.#writer.length === 0 || this.#socket.writableNeedDrain) return;
    this.#liveness?.sent(performance.now());
    this.#socket.write(this.#writer.take());
  }

  #schedule(liveness: Liveness): void {
    this.#timer = setTimeout(() => {
      // A turn later: if this process was busy, the answers are waiting at the socket.
      setImmediate(() => this.#checkLiveness(liveness));
    }, liveness.nextMs(performance.now()));
  }

  #checkLiveness(liveness: Liveness): void {
    if (this.#isClosed) return;
    const nowMs = performance.now();
    const due = liveness.due(nowMs);
    if (due === "give up") {
      this.close(this.#failure(`it has been silent for ${Math.round(liveness.silentMs(nowMs))} ms`));
      return;
    }
    if (due === "ping") {
      this.#options.onPingDue();
      liveness.sent(nowMs);
    }
    this.#schedule(liveness);
  }

  #failure(what: string, options?: ErrorOptions): MeshError {
    return new MeshError(
      "registry-unavailable",
      `ZooKeeper at ${hostText(this.#options.host)}: ${what}`,
      options,
    );
  }

  #violation(error: MeshError): MeshError {
    const text = `ZooKeeper at ${hostText(this.#options.host)}: ${error.message}`;
    return new MeshError(error.code, text, { cause: error });
  }
}

/** The TLS options that are given; `undefined` isn't the same as absent to `node:tls`. */
function definedOf(tls: NonNullable<ZooKeeperOptions["tls"]>): { ca?: string; cert?: string; key?: string } {
  const { ca, cert, key } = tls;
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}
