import { status } from "@grpc/grpc-js";

/** How a call ended, as grpc-js tells it. */
export interface GrpcFailure {
  readonly code: number | undefined;
  readonly details: string;
}

/** Why a call failed, in a clause for the user: without the words that grpc-js puts around it, with what may help. */
export function failureText({ code, details }: GrpcFailure, hasTls: boolean): string {
  const inner = /Last error: (?:Error(?: \[\w+\])?: )?(.+?)[.\s]*Resolution note:/s.exec(details)?.[1] ??
    details;
  // OpenSSL's errors: a number, `error`, another one, library, function, reason, file, line.
  const plain = inner.replace(/; if the root CA is installed locally, .*/, "");
  const reason = /:SSL routines:[^:]*:([^:]+):/.exec(plain)?.[1] ??
    plain.replace(/ \(\d{4}-[\d-]+T[\d:.]+Z\)/, "");
  if (code === status.UNIMPLEMENTED) return `the server doesn't speak this dialect (${reason})`;
  if (hasTls) {
    return /wrong version number|packet length too long/.test(reason)
      ? `${reason}; the server seems to speak plain text, without --tls or --ca`
      : reason;
  }
  if (reason === "Protocol error") {
    return `${reason}; the server may want TLS (--tls or --ca FILE), or this may not be the port of xDS`;
  }
  return isClosed(reason) ? `${reason}; the server may want TLS: --tls or --ca FILE` : reason;
}

/** True if the server accepted the connection and closed it without sending a byte. */
function isClosed(reason: string): boolean {
  return /^(?:Failed to connect|Connection closed)$|ECONNRESET|socket hang up/.test(reason);
}
