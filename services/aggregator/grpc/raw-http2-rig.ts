import { connect as connectTcp } from "node:net";
import type { Socket } from "node:net";
import { onTestFinished } from "vitest";
import { path } from "./grpc-rig.ts";

/** What every HTTP/2 connection begins with (RFC 9113, section 3.4). */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Types of frames (RFC 9113, section 6). */
export const frameTypes = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, continuation: 9 } as const;

const endHeaders = 0x4;

/** One frame. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The settings of a client that changes none. */
export const emptySettings = frame(frameTypes.settings, 0, 0, Buffer.alloc(0));

/** The frame that opens a gRPC call of a method. */
export function callHeaders(stream: number, method = path): Buffer {
  const headers = {
    ":method": "POST",
    ":scheme": "http",
    ":path": method,
    ":authority": "localhost",
    "content-type": "application/grpc",
    te: "trailers",
  };
  // HPACK, each as a literal that isn't indexed (RFC 7541, section 6.2.2). None is longer than 126 bytes.
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const block = Object.entries(headers).flatMap((
    [name, value],
  ) => [Buffer.from([0]), text(name), text(value)]);
  return frame(frameTypes.headers, endHeaders, stream, Buffer.concat(block));
}

/** Bytes on the stream of a call; gRPC's prefix is the caller's. */
export function callData(stream: number, bytes: Uint8Array): Buffer {
  return frame(frameTypes.data, 0, stream, bytes);
}

/** A gRPC message with its prefix. */
export function prefixed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/**
 * A bare TCP connection to `host:port`, which is cut with the test. Its end stays open when the server closes its own:
 * a frozen process answers no FIN.
 */
export function rawConnection(address: string): Socket {
  const socket = connectTcp({
    host: "127.0.0.1",
    port: Number(address.slice(address.lastIndexOf(":") + 1)),
    allowHalfOpen: true,
  });
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}
