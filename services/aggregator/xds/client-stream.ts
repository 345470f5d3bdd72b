import type { Node } from "../../../protos/gen/envoy/config/core/v3/base_pb.ts";
import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { CatalogueView } from "../catalogue/catalogue-view.ts";
import type { MessagePieces } from "../grpc/grpc-call.ts";
import { GrpcStatus } from "../grpc/grpc-status.ts";
import { UnusableMessage } from "../grpc/message-reader.ts";
import type { AggregatorMetrics } from "../metrics.ts";
import { ClientLag } from "./client-lag.ts";
import {
  decodeDeltaRequest,
  decodeRequest,
  DeltaSession,
  dialectOf,
  formOf,
  IncrementalSession,
  SotwSession,
} from "./dialects.ts";
import type { DialectContext, DialectSession, Outgoing } from "./dialects.ts";
import { filtersOf, viewOf } from "./listener.ts";
import type { ClientFilters, ListenerProfile } from "./listener.ts";
import type { Dialect, TypeStatus } from "./protocol.ts";
import type { ClientTraces } from "./push-traces.ts";
import { checkEncoded, checkRequest, refuseAbove, requestLimits } from "./request-limits.ts";
import { deltaKindOf } from "./type-urls.ts";

/** What a stream needs from the server around it. */
export interface ClientStreamContext {
  readonly dialects: DialectContext;
  readonly listener: ListenerProfile;
  /** Hands an encoded response to the transport. */
  readonly send: (message: MessagePieces) => void;
  /** Ends the stream, at once if the client takes nothing. */
  readonly drop: (reason: string) => void;
  readonly log: Logger;
  readonly metrics: AggregatorMetrics;
  /** Absent: changes aren't traced. */
  readonly traces?: ClientTraces | undefined;
  /** A client that leaves a response unacknowledged for longer is dropped; 0: never. */
  readonly ackTimeoutMs: number;
  /** The number of the last change of a kind. */
  readonly head: (kind: ResourceKind) => number;
  /** Called when a state-of-the-world client of a sharded listener has said who it is; it waits for {@link ClientStream.show}. */
  readonly onShardClient: (client: ClientStream, index: number) => void;
  /** True if there is room for what has to be prepared for a view: not if there are too many different ones. */
  readonly hasRoomFor: (view: CatalogueView) => boolean;
  /** Called when the client is shown another view than before: what was prepared for that may have no other client. */
  readonly onViewChange: () => void;
}

/** What was sent of one type. */
export interface Traffic {
  readonly pushes: number;
  readonly bytes: number;
}

const noTraffic: Traffic = { pushes: 0, bytes: 0 };
const noChanges: ReadonlyMap<ResourceKind, number> = new Map();

/** A stream that has been asked something: its protocol, and how to hand it a request. */
interface Opened {
  readonly session: DialectSession<unknown>;
  readonly receive: (bytes: Uint8Array) => Outgoing[];
}

/**
 * One connected xDS client: feeds requests and changes to the protocol's state machine, and its responses to the
 * transport. Never knows gRPC.
 */
export class ClientStream {
  /** Unique in this process; two streams of one node are two clients. */
  readonly id: number;
  readonly address: string;
  readonly connectedAt = new Date();
  readonly #context: ClientStreamContext;
  readonly #method: "stream" | "delta";
  readonly #traffic = new Map<string, Traffic>();
  /** How far it is behind. */
  readonly lag = new ClientLag(performance.now());
  #opened: Opened | undefined;
  #nodeId = "";
  #hasMet = false;
  #filters: ClientFilters = filtersOf(undefined);
  #view: CatalogueView;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** True while it isn't clear what to show. */
  #isHeld = false;
  #shown: readonly number[] | "all" | undefined;
  #generation = 0;

  /** `method`: which of the two calls of the service it came with. */
  constructor(id: number, address: string, method: "stream" | "delta", context: ClientStreamContext) {
    this.id = id;
    this.address = address;
    this.#method = method;
    this.#context = context;
    this.#view = viewOf(context.listener, this.#filters);
  }

  /** The node id of the client, empty before its first request. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** The client's Istio revision (`ISTIO_REVISION` of its node metadata). */
  get revision(): string | undefined {
    return this.#filters.revision;
  }

  /** What it speaks; undefined before its first request. */
  get dialect(): Dialect | undefined {
    return this.#opened?.session.dialect;
  }

  /** What it is shown. */
  get view(): CatalogueView {
    return this.#view;
  }

  /** The name of the listener that it came to. */
  get listener(): string {
    return this.#context.listener.name;
  }

  /** The protocol state per requested type URL. */
  get types(): ReadonlyMap<string, TypeStatus> {
    return this.#opened?.session.types ?? new Map();
  }

  /** What was sent of a type. */
  traffic(typeUrl: string): Traffic {
    return this.#traffic.get(typeUrl) ?? noTraffic;
  }

  /** The last change of a kind that the client is known to have, where its dialect needs to know; else undefined. */
  confirmedChange(kind: ResourceKind): number | undefined {
    return this.#opened?.session.confirmedChange(kind);
  }

  /** Takes in a request of the client. Throws if it can't be decoded. */
  onMessage(bytes: Uint8Array): void {
    checkEncoded(bytes, this.#method);
    this.#opened ??= this.#method === "delta" ? this.#openDelta(bytes) : this.#openStream(bytes);
    this.#sendAll(this.#opened.receive(bytes));
  }

  /**
   * Sends what has changed, if the protocol allows it now. `changed`: when (`performance.now()`) which kinds changed
   * for the first time since the last call.
   */
  onChange(changed: ReadonlyMap<ResourceKind, number> = noChanges): void {
    if (this.#opened === undefined) return;
    for (const [kind, atMs] of changed) this.lag.changed(kind, atMs);
    this.#context.traces?.changed();
    this.#sendAll(this.#opened.session.onChange(this.#view));
  }

  /**
   * True if the client has acknowledged what it was last sent of each of our kinds that it asked for, and of one at
   * least, and there is nothing else to send.
   */
  get isUpToDate(): boolean {
    const ours = [...this.types.values()].filter(({ kind }) => kind !== undefined);
    return ours.length > 0 &&
      ours.every(({ ackedVersion, inFlight }) => ackedVersion !== undefined && !inFlight) &&
      this.#opened?.session.waitMs(this.#view) === undefined;
  }

  /**
   * Says among which parts of the catalogue its istiod finds everything (see `Shard.present`), and which generation of
   * their versions it is shown; sends what that changes. Undefined: that isn't clear yet, nothing is answered.
   */
  show(present: readonly number[] | "all" | undefined, generation: number): void {
    const isSame = String(this.#shown) === String(present) && this.#generation === generation;
    this.#shown = present;
    this.#generation = generation;
    const { shard } = this.#context.listener;
    this.#isHeld = present === undefined;
    if (isSame || present === undefined || shard === undefined) return;
    const part = {
      index: shard.index,
      of: shard.of,
      present: present === "all" ? undefined : present,
      generation,
    };
    const view = viewOf({ ...this.#context.listener, shard: part }, this.#filters);
    // Everything is always right, and is prepared anyway.
    const whole = viewOf({ ...this.#context.listener, shard: undefined }, this.#filters);
    this.#view = this.#context.hasRoomFor(view) ? view : whole;
    this.#context.onViewChange();
    this.onChange();
  }

  /** Ends the stream's own work. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#context.traces?.close();
  }

  #openStream(first: Uint8Array): Opened {
    const { dialects, listener } = this.#context;
    const { node, responseNonce } = decodeRequest(first);
    const dialect = dialectOf(listener.dialect, listener.incPush, node?.metadata, responseNonce);
    const session = dialect === "incremental"
      ? new IncrementalSession(dialects)
      : new SotwSession({ ...dialects, isOpen: () => !this.#isHeld && dialects.isOpen() });
    const receive = (bytes: Uint8Array) => {
      const request = decodeRequest(bytes);
      const { typeUrl, node, responseNonce, errorDetail } = request;
      checkRequest({ typeUrl, nodeId: node?.id, names: request.resourceNames.length }, session.types);
      this.#meet(node, dialect);
      if (errorDetail !== undefined) {
        errorDetail.message = errorDetail.message.slice(0, requestLimits.errorChars);
        this.#reportNack(typeUrl, responseNonce, errorDetail.message);
      }
      this.#time(session, typeUrl, responseNonce, errorDetail?.message);
      const toSend = session.onRequest(request, this.#view);
      if (errorDetail !== undefined) this.#noteRefusal(session, typeUrl, errorDetail.message);
      return toSend;
    };
    return { session, receive };
  }

  #openDelta(first: Uint8Array): Opened {
    const { node } = decodeDeltaRequest(first);
    const session = new DeltaSession(this.#context.dialects, this.id, formOf(node?.metadata));
    const receive = (bytes: Uint8Array) => {
      const request = decodeDeltaRequest(bytes);
      const { typeUrl, node, responseNonce, errorDetail } = request;
      checkRequest(
        { typeUrl, nodeId: node?.id, names: request.resourceNamesSubscribe.length },
        session.types,
      );
      this.#meet(node, "delta");
      if (errorDetail !== undefined) {
        errorDetail.message = errorDetail.message.slice(0, requestLimits.errorChars);
        this.#reportNack(typeUrl, responseNonce, errorDetail.message);
      }
      this.#time(session, typeUrl, responseNonce, errorDetail?.message);
      const toSend = session.onRequest(request, this.#view);
      if (errorDetail !== undefined) this.#noteRefusal(session, typeUrl, errorDetail.message);
      return toSend;
    };
    return { session, receive };
  }

  /**
   * The first request says who is asking; later ones may repeat it. What was shown once stays the view, but for shards.
   * Those are for clients that are sent everything with each change, and that say who they are: which streams belong
   * together can't be told without. The others are shown everything.
   */
  #meet(node: Node | undefined, dialect: Dialect): void {
    if (this.#hasMet) return;
    this.#hasMet = true;
    const { listener, onShardClient } = this.#context;
    this.#nodeId = node?.id ?? "";
    this.#filters = filtersOf(node?.metadata);
    const { revision = "", namespaces, registries } = this.#filters;
    for (const names of [revision.split(","), namespaces, registries]) {
      refuseAbove("names in a filter of the client (node metadata)", names.length, requestLimits.filterNames);
    }
    const isAnonymous = this.#nodeId === "" && !listener.trustsShards;
    const isWhole = listener.shard === undefined || dialect !== "stateOfTheWorld" || isAnonymous;
    const view = viewOf(isWhole ? { ...listener, shard: undefined } : listener, this.#filters);
    if (!this.#context.hasRoomFor(view)) {
      throw new UnusableMessage(
        GrpcStatus.resourceExhausted,
        "too many different filters of clients (node metadata) at the same time; ask for everything, or use a listener",
      );
    }
    this.#view = view;
    if (listener.shard === undefined || isWhole || listener.trustsShards) return;
    this.#isHeld = true;
    onShardClient(this, listener.shard.index);
  }

  /** Tells the metrics how long a change took that a request is about to acknowledge, unless it refuses it. */
  #time(
    session: DialectSession<unknown>,
    typeUrl: string,
    nonce: string,
    error: string | undefined,
  ): void {
    const type = session.types.get(typeUrl);
    if (type?.kind === undefined || !type.inFlight || type.sentNonce !== nonce) return;
    this.#context.traces?.answered(type.kind, error);
    if (error !== undefined) return;
    const tookMs = this.lag.acknowledged(type.kind, performance.now());
    if (tookMs !== undefined) this.#context.metrics.acknowledged(session.dialect, tookMs);
  }

  #sendAll(toSend: readonly Outgoing[]): void {
    const { send, metrics, traces, log } = this.#context;
    const session = this.#opened?.session;
    if (session === undefined || this.#isClosed) return;
    for (const { typeUrl, kind, nonce, message, resources, removed } of toSend) {
      send(message);
      const bytes = message.reduce((sum, piece) => sum + piece.length, 0);
      const before = this.traffic(typeUrl);
      this.#traffic.set(typeUrl, { pushes: before.pushes + 1, bytes: before.bytes + bytes });
      metrics.pushed(kind, session.dialect, bytes);
      if (kind !== undefined) {
        this.lag.sent(kind, this.#context.head(kind));
        traces?.sent(kind, {
          "meshregistry.client": this.#nodeId,
          "meshregistry.nonce": nonce,
          resources,
          removed,
        });
      }
      log.debug({ client: this.#nodeId, typeUrl, nonce, resources, removed, bytes }, "sent");
    }
    if (session.lost !== undefined) return this.#drop("too-far-behind", session.lost);
    this.#scheduleWork(session);
  }

  /** Wakes up for what the protocol has to send by itself, or to give up an acknowledgement. */
  #scheduleWork(session: DialectSession<unknown>): void {
    clearTimeout(this.#timer);
    const waits = [session.waitMs(this.#view), this.#ackWaitMs()].filter((wait) => wait !== undefined);
    const isWaiting = waits.length > 0 || session.types.values().some(({ inFlight }) => inFlight);
    if (!isWaiting) {
      this.lag.settled();
      this.#context.traces?.settled();
    }
    if (waits.length === 0) return;
    this.#timer = setTimeout(() => {
      if (this.#ackWaitMs() === 0) this.#giveUp();
      else this.onChange();
    }, Math.ceil(Math.min(...waits))).unref();
  }

  /** How long the oldest acknowledgement may still take; undefined if none is waited for. */
  #ackWaitMs(): number | undefined {
    const { ackTimeoutMs } = this.#context;
    const oldest = this.#oldestUnacknowledged()?.sentAtMs;
    if (ackTimeoutMs === 0 || oldest === undefined) return undefined;
    return Math.max(Math.ceil(oldest + ackTimeoutMs - performance.now()), 0);
  }

  #oldestUnacknowledged(): TypeStatus | undefined {
    let oldest: TypeStatus | undefined;
    for (const type of this.types.values()) {
      if (type.inFlight && (oldest === undefined || type.sentAtMs < oldest.sentAtMs)) oldest = type;
    }
    return oldest;
  }

  #giveUp(): void {
    const typeUrl = this.#oldestUnacknowledged()?.typeUrl ?? "";
    const seconds = Math.round(this.#context.ackTimeoutMs / 1000);
    this.#drop("ack-timeout", `no acknowledgement of ${typeUrl} within ${seconds} s`);
  }

  #drop(reason: string, message: string): void {
    const { drop, log, metrics } = this.#context;
    metrics.dropped.inc({ reason });
    log.warn({ client: this.#nodeId, address: this.address, reason: message }, "sent an xDS client away");
    drop(message);
  }

  #noteRefusal(session: DialectSession<unknown>, typeUrl: string, message: string): void {
    const type = session.types.get(typeUrl);
    if (type?.kind === undefined) return;
    const mentioned = type.lastError?.names ?? [];
    // Of a name at the end of a sentence both forms are kept; a person wants the name.
    const names = mentioned.filter((name) => !mentioned.includes(name.slice(0, -1)));
    this.lag.refused({ at: new Date(), typeUrl, message, names });
  }

  #reportNack(typeUrl: string, nonce: string, error: string): void {
    // A client may invent any number of types.
    const isOurs = deltaKindOf(typeUrl) !== undefined;
    this.#context.metrics.nacks.inc({ type_url: isOurs ? typeUrl : "other" });
    this.#context.log.warn(
      { client: this.#nodeId, address: this.address, typeUrl, nonce, reason: error },
      "client refused a response, it keeps what it had",
    );
  }
}
