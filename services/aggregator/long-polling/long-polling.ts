import { Hono } from "hono";
import type { Context } from "hono";
import { clientAddress, clientIp, serveHttp } from "../../../shared/runtime/http-server.ts";
import type { HttpServer } from "../../../shared/runtime/http-server.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import { oncePerTurn } from "../../../shared/runtime/once-per-turn.ts";
import { streamedText } from "../../../shared/runtime/streamed-text.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import { CatalogueView } from "../catalogue/catalogue-view.ts";
import type { MessagePieces } from "../grpc/grpc-call.ts";
import { plainAddress } from "../grpc/grpc-session.ts";
import type { Transport } from "../grpc/transport.ts";
import type { SyncGate } from "../ingest/sync-gate.ts";
import { Configs } from "./configs.ts";
import { decide, parsePoll } from "./poll.ts";
import type { Poll } from "./poll.ts";

/** A listener for the long polling of istio-mcp. */
export interface LongPollingOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  /** A poll is answered after so long, in milliseconds, even if there is nothing to say. */
  readonly intervalMs: number;
  /** Types that are told of; empty: all. */
  readonly typeUrls: readonly string[];
  /** Show only resources of this Istio revision, and those of none; empty: all. */
  readonly revision: string;
  /** Show only resources of these namespaces, and registries; empty: all. */
  readonly namespaces: readonly string[];
  readonly registries: readonly string[];
}

/** A poll that is held: all that there is to know of a client. */
export interface HeldPoll {
  /** What the client calls itself; undefined: it doesn't say. */
  readonly clientId: string | undefined;
  readonly address: string;
  readonly since: Date;
  /** Where it came in, as configured. */
  readonly listener: string;
  readonly view: CatalogueView;
  /** What it asks for, and the version that it has. */
  readonly poll: Poll;
}

/** What the server serves. */
export interface LongPollingContext {
  readonly cache: ResourceCache;
  readonly gate: SyncGate;
  /** For the number of polls at a time, which count as streams. */
  readonly transport: Transport;
  readonly controlPlane: string;
  readonly log: Logger;
}

/**
 * The HTTP protocol of the istio-mcp library: `GET /configs` asks for one type and is answered when that differs from
 * what the client has. Clients say no more than that: there are no acknowledgements and no refusals. Plain HTTP.
 */
export class LongPollingServer implements AsyncDisposable {
  readonly #context: LongPollingContext;
  readonly #listener: string;
  readonly #view: CatalogueView;
  readonly #intervalMs: number;
  readonly #configs: Configs;
  readonly #waiting = new Set<() => void>();
  readonly #held = new Set<HeldPoll>();
  readonly #stopListening: () => void;
  /** Many changes of one turn of the event loop are one. */
  readonly #wake = oncePerTurn(() => {
    for (const resolve of this.#waiting) resolve();
  });
  #http: HttpServer | undefined;

  private constructor(options: LongPollingOptions, context: LongPollingContext) {
    const { cache, gate, controlPlane } = context;
    const { address, revision, namespaces, registries, typeUrls, intervalMs } = options;
    const revisions = revision === "" ? [] : [revision];
    this.#view = new CatalogueView({ revisions, namespaces, registries, shard: undefined });
    this.#context = context;
    this.#listener = address;
    this.#intervalMs = intervalMs;
    this.#configs = new Configs(cache, this.#view, typeUrls, controlPlane);
    this.#stopListening = cache.onChange((kind) => {
      this.#configs.invalidate(kind);
      this.#wake();
    });
    void gate.opened.then(() => this.#wake());
  }

  /**
   * Starts to listen.
   * @throws MeshError `address-in-use` if the port is taken.
   */
  static async listen(options: LongPollingOptions, context: LongPollingContext): Promise<LongPollingServer> {
    const server = new LongPollingServer(options, context);
    if (context.transport.certificate !== undefined) {
      context.log.warn(
        { address: options.address },
        "xds.tls doesn't hold for long polling: who reaches this listener reads everything, in plain text",
      );
    }
    const app = new Hono().get("/configs", async (c) => await server.#answer(c));
    try {
      const { connections, refusals } = context.transport;
      server.#http = await serveHttp(app, options.address, "mcp.serverUrl or xds.listeners", {
        connections,
        // A held poll may be silent for its whole interval.
        idleMs: 0,
        onRefusal: (address) =>
          refusals.add(
            "too-many-connections",
            plainAddress(address),
            "too many connections: a further one was cut",
          ),
      });
      return server;
    } catch (error) {
      server.#stopListening();
      throw error;
    }
  }

  /** `host:port`, with the real port. */
  get address(): string {
    return this.#http?.url.slice("http://".length) ?? "";
  }

  /** The polls that are held now. */
  get held(): Iterable<HeldPoll> {
    return this.#held;
  }

  async #answer(c: Context): Promise<Response> {
    const poll = parsePoll(c.req.query());
    if (poll === undefined) return c.text("typeUrl is missing, or version holds what no version does", 400);
    const { transport, log } = this.#context;
    const peer = plainAddress(clientIp(c));
    const shortage = transport.takeStream(peer);
    if (shortage !== undefined) return c.text(shortage, 503);
    const clientId = c.req.query("clientId");
    const held = {
      clientId,
      address: clientAddress(c),
      since: new Date(),
      listener: this.#listener,
      view: this.#view,
      poll,
    };
    this.#held.add(held);
    try {
      const version = await this.#newVersion(poll, c.req.raw.signal);
      if (version === undefined) return c.body(new Uint8Array(), 200, { version: poll.version });
      log.debug({ typeUrl: poll.typeUrl, version, clientId }, "poll answered");
      const headers = {
        version,
        "Content-Type": poll.form === "yaml" ? "text/yaml" : "application/x-protobuf",
      };
      if (poll.form === "yaml") return c.body(streamedText(this.#configs.yaml(poll)), 200, headers);
      return c.body(streamOf(this.#configs.protobuf(poll, version)), 200, headers);
    } finally {
      this.#held.delete(held);
      transport.streams.release(peer);
    }
  }

  /** The version of what the client doesn't have; undefined if there is none in time, or nobody listens any more. */
  async #newVersion(poll: Poll, signal: AbortSignal): Promise<string | undefined> {
    const { gate } = this.#context;
    const { promise: ended, resolve: resolveEnded } = Promise.withResolvers<void>();
    let isTimeOver = signal.aborted;
    const end = () => {
      isTimeOver = true;
      resolveEnded();
    };
    const timer = setTimeout(end, this.#intervalMs);
    signal.addEventListener("abort", end, { once: true });
    try {
      for (;;) {
        const version = gate.open ? this.#configs.version(poll) : undefined;
        const decision = decide(poll, version, isTimeOver);
        if (decision !== "wait") return decision === "everything" ? version : undefined;
        await this.#changeOr(ended);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async #changeOr(ended: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    await Promise.race([promise, ended]);
    this.#waiting.delete(resolve);
  }

  /** Clients notice the closed connection and come back after some seconds, with what they have. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    await this.#http?.[Symbol.asyncDispose]();
  }
}

/** Pieces one after the other, as fast as they are taken: the pieces are shared by all clients. */
function streamOf(pieces: MessagePieces): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream({
    pull: (controller) => {
      const piece = pieces[next++];
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
}
