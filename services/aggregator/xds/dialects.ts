import { fromBinary } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  DeltaDiscoveryRequestSchema,
  DiscoveryRequestSchema,
} from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import type {
  DeltaDiscoveryRequest,
  DiscoveryRequest,
} from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { emptyCatalogue } from "../catalogue/catalogue.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { CatalogueView } from "../catalogue/catalogue-view.ts";
import type { ResourceForm } from "../output-stage/encode/delta-resource.ts";
import type { ResponseFrames } from "../output-stage/encode/response-frames.ts";
import type { MessagePieces } from "../grpc/grpc-call.ts";
import { DeltaStream } from "./delta-stream.ts";
import type { DeltaLimits, DeltaResponse } from "./delta-stream.ts";
import { IncrementalStream } from "./incremental-stream.ts";
import type { IncrementalResponse } from "./incremental-stream.ts";
import type { ChangeView, Dialect, TypeStatus } from "./protocol.ts";
import type { ResponseBuilder } from "./response-builder.ts";
import { SotwStream } from "./sotw-stream.ts";
import type { SotwResponse, SotwView } from "./sotw-stream.ts";
import { isBodyTypeUrl } from "./type-urls.ts";

/** What the streams of a server share. */
export interface DialectContext {
  readonly responses: ResponseBuilder;
  readonly frames: ResponseFrames;
  readonly catalogue: Catalogue;
  /** False while nothing may be answered for our own kinds. */
  readonly isOpen: () => boolean;
  readonly limits: DeltaLimits;
  /** The least time between two state-of-the-world responses of a type. */
  readonly minPushIntervalMs: number;
}

/** An encoded response. */
export interface Outgoing {
  readonly typeUrl: string;
  readonly kind: ResourceKind | undefined;
  readonly nonce: string;
  readonly message: MessagePieces;
  readonly resources: number;
  readonly removed: number;
}

/** One protocol on one stream: its state machine, and the encoding of what that wants to be sent. */
export interface DialectSession<Request> {
  readonly dialect: Dialect;
  /** The state per requested type. */
  readonly types: ReadonlyMap<string, TypeStatus>;
  /** Why the client has to connect anew; undefined: it needn't. */
  readonly lost: string | undefined;
  /** Takes in a request and answers what to send. */
  onRequest(request: Request, view: CatalogueView): Outgoing[];
  /** What to send now: after a change, when the gate opens, when {@link waitMs} is over. */
  onChange(view: CatalogueView): Outgoing[];
  /** How long until the protocol has something to send by itself; undefined if it hasn't. */
  waitMs(view: CatalogueView): number | undefined;
  /** The last change of a kind that the client is known to have, where that matters; undefined: it doesn't. */
  confirmedChange(kind: ResourceKind): number | undefined;
}

/** Reads a request of `StreamAggregatedResources`. Throws if it can't be decoded. */
export function decodeRequest(bytes: Uint8Array): DiscoveryRequest {
  return fromBinary(DiscoveryRequestSchema, bytes);
}

/** Reads a request of `DeltaAggregatedResources`. Throws if it can't be decoded. */
export function decodeDeltaRequest(bytes: Uint8Array): DeltaDiscoveryRequest {
  return fromBinary(DeltaDiscoveryRequestSchema, bytes);
}

const tooFarBehind = "more has changed since the last acknowledgement than is remembered; connect anew";

/** State of the world: what stock istiods speak. */
export class SotwSession implements DialectSession<DiscoveryRequest> {
  readonly dialect = "stateOfTheWorld";
  readonly lost = undefined;
  readonly #context: DialectContext;
  readonly #stream: SotwStream;

  constructor(context: DialectContext) {
    this.#context = context;
    this.#stream = new SotwStream(context.minPushIntervalMs);
  }

  get types(): ReadonlyMap<string, TypeStatus> {
    return this.#stream.types;
  }

  onRequest(request: DiscoveryRequest, view: CatalogueView): Outgoing[] {
    return this.#encode(this.#stream.onRequest(reduced(request), this.#world(view)), view);
  }

  onChange(view: CatalogueView): Outgoing[] {
    return this.#encode(this.#stream.onChange(this.#world(view)), view);
  }

  waitMs(view: CatalogueView): number | undefined {
    return this.#stream.waitMs(this.#world(view));
  }

  confirmedChange(): undefined {
    return undefined;
  }

  #world(view: CatalogueView): SotwView {
    const { responses, isOpen } = this.#context;
    return {
      version: (kind) => isOpen() ? responses.version(kind, view) : undefined,
      nonce: (kind) => responses.nonce(kind, view),
      nowMs: performance.now(),
    };
  }

  #encode(toSend: readonly SotwResponse[], view: CatalogueView): Outgoing[] {
    return toSend.map((response) => ({
      ...this.#context.responses.build(response, view),
      typeUrl: response.typeUrl,
      kind: response.kind,
      nonce: response.nonce,
      removed: 0,
    }));
  }
}

/** The incremental dialect of the istio-mcp library. */
export class IncrementalSession implements DialectSession<DiscoveryRequest> {
  readonly dialect = "incremental";
  readonly #context: DialectContext;
  readonly #stream = new IncrementalStream();

  constructor(context: DialectContext) {
    this.#context = context;
  }

  get types(): ReadonlyMap<string, TypeStatus> {
    return this.#stream.types;
  }

  get lost(): string | undefined {
    return this.#stream.isLost ? tooFarBehind : undefined;
  }

  onRequest(request: DiscoveryRequest, view: CatalogueView): Outgoing[] {
    return this.#encode(this.#stream.onRequest(reduced(request), changeView(this.#context, view)), view);
  }

  onChange(view: CatalogueView): Outgoing[] {
    return this.#encode(this.#stream.onChange(changeView(this.#context, view)), view);
  }

  waitMs(): undefined {
    return undefined;
  }

  confirmedChange(kind: ResourceKind): number | undefined {
    return this.#stream.confirmedChange(kind);
  }

  #encode(toSend: readonly IncrementalResponse[], view: CatalogueView): Outgoing[] {
    return toSend.map((response) => ({
      typeUrl: response.typeUrl,
      kind: response.kind,
      nonce: response.nonce,
      message: this.#context.frames.incremental(response, view.scope.revisions[0]),
      resources: response.parts.reduce((sum, part) => sum + part.length, 0),
      removed: response.removals.length,
    }));
  }
}

/** The Delta protocol of xDS. */
export class DeltaSession implements DialectSession<DeltaDiscoveryRequest> {
  readonly dialect = "delta";
  readonly #context: DialectContext;
  readonly #stream: DeltaStream;
  readonly #form: ResourceForm;

  /** `id` is the stream's, unique in this process. */
  constructor(context: DialectContext, id: number, form: ResourceForm) {
    this.#context = context;
    this.#stream = new DeltaStream(context.limits, `${id}.`);
    this.#form = form;
  }

  get types(): ReadonlyMap<string, TypeStatus> {
    return this.#stream.types;
  }

  get lost(): string | undefined {
    return this.#stream.isLost ? tooFarBehind : undefined;
  }

  onRequest(request: DeltaDiscoveryRequest, view: CatalogueView): Outgoing[] {
    const reduced = {
      typeUrl: request.typeUrl,
      responseNonce: request.responseNonce,
      subscribe: request.resourceNamesSubscribe,
      unsubscribe: request.resourceNamesUnsubscribe,
      initialVersions: request.initialResourceVersions,
      error: request.errorDetail?.message,
    };
    return this.#encode(this.#stream.onRequest(reduced, changeView(this.#context, view)));
  }

  onChange(view: CatalogueView): Outgoing[] {
    return this.#encode(this.#stream.onChange(changeView(this.#context, view)));
  }

  waitMs(view: CatalogueView): number | undefined {
    return this.#stream.waitMs(changeView(this.#context, view));
  }

  confirmedChange(kind: ResourceKind): number | undefined {
    return this.#stream.confirmedChange(kind);
  }

  #encode(toSend: readonly DeltaResponse[]): Outgoing[] {
    return toSend.map((response) => {
      const form = isBodyTypeUrl(response.typeUrl) ? "bare" : this.#form;
      return {
        typeUrl: response.typeUrl,
        kind: response.kind,
        nonce: response.nonce,
        message: this.#context.frames.delta(response, form),
        resources: response.resources.length,
        removed: response.removed.length,
      };
    });
  }
}

function reduced({ typeUrl, responseNonce, resourceNames, errorDetail }: DiscoveryRequest) {
  return { typeUrl, responseNonce, resourceNames, error: errorDetail?.message };
}

function changeView({ catalogue }: DialectContext, view: CatalogueView): ChangeView {
  return {
    catalogue: (kind) => kind === undefined ? emptyCatalogue : catalogue.of(kind, view),
    nowMs: performance.now(),
  };
}

/** Our own keys of node metadata, by which a client says what it wants. */
export const dialectKey = "MESHREGISTRY_DIALECT";
export const resourcesKey = "MESHREGISTRY_RESOURCES";

/** What `StreamAggregatedResources` speaks on a listener: `auto` leaves it to the client. */
export type StreamDialect = "auto" | "stateOfTheWorld" | "incremental";

/**
 * What to speak on a `StreamAggregatedResources` stream, by its first request. The incremental dialect would make a
 * stock istiod delete nearly everything, and nothing in its metadata tells it apart; but its first nonce is never
 * empty, and that of the istio-mcp library always is. `incPush` is what `auto` means for clients that don't say.
 */
export function dialectOf(
  listener: StreamDialect,
  incPush: boolean,
  metadata: JsonObject | undefined,
  firstNonce: string,
): "stateOfTheWorld" | "incremental" {
  if (listener === "stateOfTheWorld") return "stateOfTheWorld";
  const wish = metadata?.[dialectKey];
  if (wish === "incremental" || wish === "stateOfTheWorld") return wish;
  const isOffered = listener === "incremental" || incPush;
  return isOffered && firstNonce === "" ? "incremental" : "stateOfTheWorld";
}

/** How a Delta client wants its resources. */
export function formOf(metadata: JsonObject | undefined): ResourceForm {
  return metadata?.[resourcesKey] === "bare" ? "bare" : "wrapped";
}
