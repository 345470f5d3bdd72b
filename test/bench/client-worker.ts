import { create, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { z } from "zod";
import {
  DeltaDiscoveryRequestSchema,
  DiscoveryRequestSchema,
} from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { skim } from "./skim.ts";
import { sharedClockMs } from "./stopwatch.ts";
import { serveCommands } from "./worker.ts";

/** The clients of a benchmark, in their own process: they take responses and acknowledge them, and decode nothing. */

const service = "/envoy.service.discovery.v3.AggregatedDiscoveryService";
const typeUrl = "networking.istio.io/v1/ServiceEntry";

const Dialect = z.enum(["stateOfTheWorld", "incremental", "delta"]);
type Dialect = z.infer<typeof Dialect>;

const ConnectInput = z.object({
  address: z.string(),
  clients: z.number(),
  dialect: Dialect,
  /** Addresses that begin so are looked for in each response; see the command `marks`. */
  markPrefix: z.string().optional(),
});

/** Answered when every client has had so many responses, and so many resources in them. */
const AwaitInput = z.object({ responses: z.number(), resources: z.number().optional() });

const receiver = {
  responses: 0,
  bytes: 0,
  /** Of the last response. */
  resources: 0,
  /** Of all responses. */
  allResources: 0,
  lastAtMs: 0,
};
type Receiver = typeof receiver;

const receivers: Receiver[] = [];
/** When each mark was first seen by the first client. */
const marks = new Map<string, number>();
const waiting: {
  readonly responses: number;
  readonly resources: number | undefined;
  readonly resolve: () => void;
}[] = [];

/** A request; each dialect's client has its own first nonce. */
function request(dialect: Dialect, versionInfo: string, responseNonce: string): Uint8Array {
  const node = {
    id: "sidecar~127.0.0.1~bench.bench~bench.svc.cluster.local",
    metadata: { GENERATOR: "api", MESHREGISTRY_DIALECT: dialect },
  };
  return dialect === "delta"
    ? toBinary(
      DeltaDiscoveryRequestSchema,
      create(DeltaDiscoveryRequestSchema, { typeUrl, responseNonce, node }),
    )
    : toBinary(
      DiscoveryRequestSchema,
      create(DiscoveryRequestSchema, { typeUrl, versionInfo, responseNonce, node }),
    );
}

function connect(address: string, dialect: Dialect, markPrefix: string | undefined): void {
  const mine = { ...receiver };
  const isFirst = receivers.push(mine) === 1;
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 100,
    // Else all clients of this process would share one connection.
    "grpc.use_local_subchannel_pool": 1,
  });
  const open = () => {
    const call = client.makeBidiStreamRequest(
      `${service}/${dialect === "delta" ? "DeltaAggregatedResources" : "StreamAggregatedResources"}`,
      (message: Uint8Array) => Buffer.from(message),
      (bytes: Buffer) => bytes,
    );
    call.on("data", (message: Buffer) => {
      const atMs = sharedClockMs();
      const { versionInfo, nonce, resources } = skim(message);
      call.write(request(dialect, versionInfo, nonce));
      mine.responses++;
      mine.bytes += message.length;
      mine.resources = resources;
      mine.allResources += resources;
      mine.lastAtMs = atMs;
      if (isFirst && markPrefix !== undefined) noteMarks(message, markPrefix, atMs);
      settle();
    });
    // Until the server listens.
    call.on("error", () => setTimeout(open, 20));
    call.write(request(dialect, "", dialect === "stateOfTheWorld" ? new Date().toISOString() : ""));
  };
  open();
}

function noteMarks(message: Buffer, prefix: string, atMs: number): void {
  for (let at = message.indexOf(prefix); at !== -1; at = message.indexOf(prefix, at + 1)) {
    const mark = /^[0-9.]+/.exec(message.toString("latin1", at, at + 15))?.[0] ?? "";
    if (!marks.has(mark)) marks.set(mark, atMs);
  }
}

function settle(): void {
  for (const [index, { responses, resources = 0, resolve }] of waiting.entries()) {
    if (receivers.every((each) => each.responses >= responses && each.allResources >= resources)) {
      waiting.splice(index, 1);
      resolve();
    }
  }
}

serveCommands({
  connect: (input) => {
    const { address, clients, dialect, markPrefix } = ConnectInput.parse(input);
    for (let index = 0; index < clients; index++) connect(address, dialect, markPrefix);
    return null;
  },
  /** How far everybody is, as soon as every client has had so many responses. */
  await: async (input) => {
    const { responses, resources } = AwaitInput.parse(input);
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push({ responses, resources, resolve });
    settle();
    await promise;
    return {
      lastAtMs: Math.max(...receivers.map((each) => each.lastAtMs)),
      bytes: receivers.reduce((sum, each) => sum + each.bytes, 0),
      responses: receivers.reduce((sum, each) => sum + each.responses, 0),
      resources: Math.min(...receivers.map((each) => each.resources)),
    };
  },
  /** Counts from here on. */
  reset: () => {
    for (const each of receivers) Object.assign(each, { responses: 0, bytes: 0, allResources: 0 });
    return null;
  },
  marks: () => Object.fromEntries(marks),
});
