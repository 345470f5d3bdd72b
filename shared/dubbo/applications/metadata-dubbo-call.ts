import { connect } from "node:net";
import { MeshError } from "../../runtime/errors.ts";
import type { DubboInstance } from "./application-node.ts";
import { hessianMap, HessianReader, hessianText } from "./metadata-hessian.ts";
import type { MetadataInfo } from "./metadata-info.ts";
import { toMetadataInfo } from "./metadata-info.ts";

/** Service that each Dubbo 3 application has, beside its own. */
const metadataService = "org.apache.dubbo.metadata.MetadataService";

/** First bytes of each frame; a frame's header has 16 bytes: magic, flags, status, id (8 bytes), length of the body. */
const magic = 0xdabb;
const headerBytes = 16;
const requestFlag = 0x80;
const twoWayFlag = 0x40;
const eventFlag = 0x20;
const hessian = 2;
const statusOk = 20;

/** A thousand services are about one megabyte. */
const longestAnswer = 64 * 1024 * 1024;

/**
 * Asks an instance for what it offers over the `dubbo` protocol (dubbo.apache.org: "Dubbo2 protocol"): one request on
 * a connection of its own. @throws MeshError registry-unavailable, protocol-violation or invalid-record.
 */
export async function askOverDubbo(
  instance: DubboInstance,
  port: number,
  signal: AbortSignal,
): Promise<MetadataInfo> {
  const answer = await exchange(instance.host, port, metadataRequest(instance), signal);
  return decodeMetadataAnswer(answer);
}

/** The request's frame. The service's group is the application: a process may have several. */
export function metadataRequest(
  { application, revision, metadataService: service }: DubboInstance,
): Uint8Array {
  const version = service?.["version"] ?? "1.0.0";
  const body = Buffer.concat([
    ...[
      service?.["dubbo"] ?? "2.0.2",
      metadataService,
      version,
      "getMetadataInfo",
      "Ljava/lang/String;",
      revision,
    ]
      .map(hessianText),
    hessianMap({ path: metadataService, interface: metadataService, version, group: application }),
  ]);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(magic, 0);
  header[2] = requestFlag | twoWayFlag | hessian;
  header.writeBigUInt64BE(1n, 4);
  header.writeUInt32BE(body.length, 12);
  return Buffer.concat([header, body]);
}

/** Reads the answer's frame. @throws MeshError protocol-violation or invalid-record. */
export function decodeMetadataAnswer(frame: Uint8Array): MetadataInfo {
  const status = frame[3];
  const reader = new HessianReader(frame.subarray(headerBytes));
  const first = reader.read();
  if (status !== statusOk) throw refused(`status ${status}: ${String(first)}`);
  // Kinds of results: 1 and 4 are values, 0 and 3 exceptions, 2 and 5 null; from 3 on attachments follow.
  if (first === 1 || first === 4) return toMetadataInfo(reader.read());
  if (first === 0 || first === 3) throw refused(exceptionText(reader.read()));
  throw refused("it knows no such revision any more");
}

/** Sends one frame, and answers the first response frame; heartbeats in between are passed over. */
function exchange(host: string, port: number, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const socket = connect({ host, port });
  const fail = (reason: string, cause?: unknown) =>
    reject(new MeshError("registry-unavailable", reason, cause === undefined ? {} : { cause }));
  const abort = () => fail("no answer in time", signal.reason);
  let received: Buffer = Buffer.alloc(0);
  socket.on("connect", () => socket.write(request));
  socket.on("error", (error) => fail("the connection failed", error));
  socket.on("close", () => fail("the connection was closed without an answer"));
  socket.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    try {
      for (let frame = takeFrame(received); frame !== undefined; frame = takeFrame(received)) {
        received = received.subarray(frame.length);
        if (!isEvent(frame)) return resolve(frame);
      }
    } catch (error) {
      reject(error);
    }
  });
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  return promise.finally(() => {
    signal.removeEventListener("abort", abort);
    socket.destroy();
  });
}

function takeFrame(received: Buffer): Buffer | undefined {
  if (received.length < headerBytes) return undefined;
  if (received.readUInt16BE(0) !== magic) throw new MeshError("protocol-violation", "it doesn't speak dubbo");
  const length = headerBytes + received.readUInt32BE(12);
  if (length > longestAnswer) {
    throw new MeshError("protocol-violation", `an answer of ${length} bytes is too long`);
  }
  return received.length < length ? undefined : received.subarray(0, length);
}

function isEvent(frame: Buffer): boolean {
  return ((frame[2] ?? 0) & (eventFlag | requestFlag)) !== 0;
}

function exceptionText(exception: unknown): string {
  const message = typeof exception === "object" && exception !== null && "detailMessage" in exception
    ? exception.detailMessage
    : exception;
  return String(message).slice(0, 300);
}

function refused(reason: string): MeshError {
  return new MeshError("protocol-violation", `the instance didn't tell what it offers: ${reason}`);
}
