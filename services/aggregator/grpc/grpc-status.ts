import type { OutgoingHttpHeaders } from "node:http2";

/** The gRPC status codes that we answer with. */
export const GrpcStatus = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;
export type GrpcStatus = (typeof GrpcStatus)[keyof typeof GrpcStatus];

/** Longer messages would risk the limits that clients have for headers. */
const maxMessageChars = 1024;

/**
 * The trailers that end a call. The message is percent-encoded as «gRPC over HTTP2» asks, and cut if it is long.
 */
export function statusTrailers(code: GrpcStatus, message: string): OutgoingHttpHeaders {
  const trailers: OutgoingHttpHeaders = { "grpc-status": String(code) };
  if (message !== "") trailers["grpc-message"] = encodeURI(message.slice(0, maxMessageChars).toWellFormed());
  return trailers;
}
