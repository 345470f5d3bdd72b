import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { Node } from "../../protos/gen/envoy/config/core/v3/base_pb.ts";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { xdsTypeOf, xdsTypes } from "./sidecar-view.ts";
import type { SidecarView, XdsType } from "./sidecar-view.ts";

/** One answer of istiod. */
export interface XdsMessage {
  /** `performance.now()` at its arrival. */
  readonly at: number;
  readonly type: XdsType;
  /** Names of the resources in it. */
  readonly names: readonly string[];
  /** Names that it took away. */
  readonly removed: readonly string[];
  /** Size of the resources. */
  readonly bytes: number;
}

/** What a stream needs and whom it tells. */
export interface StreamOptions {
  readonly address: string;
  readonly node: Node;
  /** Updated before `onMessage` is called. */
  readonly view: SidecarView;
  onMessage(message: XdsMessage): void;
  /** Called once, however the stream ends. */
  onEnd(): void;
}

/** A running stream. */
export interface SidecarStream {
  close(): void;
}

const service = "/envoy.service.discovery.v3.AggregatedDiscoveryService";
const dependent = ["EDS", "RDS"] as const;

/** Opens a delta stream, as present proxies do: subscriptions and answers are differences. */
export function openDelta(options: StreamOptions): SidecarStream {
  const { view, node } = options;
  const subscribed = { EDS: new Set<string>(), RDS: new Set<string>() };
  const stream = open(
    options,
    `${service}/DeltaAggregatedResources`,
    DeltaDiscoveryResponseSchema,
    (response) => {
      const type = xdsTypeOf(response.typeUrl);
      if (type === undefined) return;
      const bodies = response.resources.map(({ resource }) => resource?.value ?? new Uint8Array());
      const names = bodies.map((body) => view.put(type, body));
      for (const name of response.removedResources) view.remove(type, name);
      options.onMessage(message(type, names, response.removedResources, bodies));
      send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
      for (const other of dependent) follow(other);
    },
  );
  const send = (request: {
    readonly typeUrl: string;
    readonly responseNonce?: string;
    readonly node?: Node;
    readonly resourceNamesSubscribe?: string[];
    readonly resourceNamesUnsubscribe?: string[];
    readonly initialResourceVersions?: Record<string, string>;
  }) => stream.write(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request)));
  const follow = (type: "EDS" | "RDS", initial?: Record<string, string>) => {
    const wanted = new Set(view.wanted(type));
    const added = [...wanted.difference(subscribed[type])];
    const gone = [...subscribed[type].difference(wanted)];
    if (added.length + gone.length === 0) return;
    subscribed[type] = wanted;
    send({
      typeUrl: xdsTypes[type],
      resourceNamesSubscribe: added,
      resourceNamesUnsubscribe: gone,
      ...(initial === undefined ? {} : { initialResourceVersions: initial }),
    });
  };
  // After a reconnect the server must learn what is here already, to be able to take away what is gone. istiod's
  // versions mean nothing to another istiod, so the names are what counts.
  const held = (type: XdsType) => Object.fromEntries(view.names(type).map((name) => [name, ""]));
  send({ typeUrl: xdsTypes.CDS, node, initialResourceVersions: held("CDS") });
  follow("EDS", held("EDS"));
  send({ typeUrl: xdsTypes.LDS, initialResourceVersions: held("LDS") });
  follow("RDS", held("RDS"));
  return { close: () => stream.cancel() };
}

/** Opens a state-of-the-world stream, as proxies of older releases do: each answer lists everything of its type. */
export function openSotw(options: StreamOptions): SidecarStream {
  const { view, node } = options;
  const last = new Map<XdsType, { readonly versionInfo: string; readonly responseNonce: string }>();
  const asked = new Map<XdsType, string>();
  const stream = open(
    options,
    `${service}/StreamAggregatedResources`,
    DiscoveryResponseSchema,
    (response) => {
      const type = xdsTypeOf(response.typeUrl);
      if (type === undefined) return;
      const bodies = response.resources.map(({ value }) => value);
      const names = bodies.map((body) => view.put(type, body));
      // Only clusters and listeners are complete in each answer; endpoints and routes may come in parts.
      const present = new Set(names);
      const removed = type === "CDS" || type === "LDS"
        ? view.names(type).filter((name) => !present.has(name))
        : [];
      for (const name of removed) view.remove(type, name);
      options.onMessage(message(type, names, removed, bodies));
      last.set(type, { versionInfo: response.versionInfo, responseNonce: response.nonce });
      ask(type, true);
      for (const other of dependent) ask(other, false);
    },
  );
  const ask = (type: XdsType, always: boolean, first?: Node) => {
    const resourceNames = type === "EDS" || type === "RDS" ? [...view.wanted(type)] : [];
    const key = resourceNames.join("\n");
    const changed = (asked.get(type) ?? "") !== key;
    if (!changed && !always) return;
    asked.set(type, key);
    const request = {
      typeUrl: xdsTypes[type],
      resourceNames,
      ...last.get(type),
      ...(first && { node: first }),
    };
    stream.write(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, request)));
  };
  ask("CDS", true, node);
  ask("EDS", false);
  ask("LDS", true);
  ask("RDS", false);
  return { close: () => stream.cancel() };
}

function open<S extends typeof DeltaDiscoveryResponseSchema | typeof DiscoveryResponseSchema>(
  { address, onEnd }: StreamOptions,
  path: string,
  schema: S,
  onResponse: (response: ReturnType<typeof fromBinary<S>>) => void,
): ClientDuplexStream<Uint8Array, Uint8Array> {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    // Each stream gets a connection of its own, as each proxy has one.
    "grpc.use_local_subchannel_pool": 1,
  });
  const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes);
  const asBytes = (bytes: Buffer): Uint8Array => bytes;
  const stream = client.makeBidiStreamRequest(path, asBuffer, asBytes, new Metadata());
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    client.close();
    onEnd();
  };
  stream.on("data", (bytes: Uint8Array) => onResponse(fromBinary(schema, bytes)));
  stream.on("error", end);
  stream.on("end", end);
  return stream;
}

function message(
  type: XdsType,
  names: readonly string[],
  removed: readonly string[],
  bodies: readonly Uint8Array[],
): XdsMessage {
  const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
  return { at: performance.now(), type, names, removed, bytes };
}
