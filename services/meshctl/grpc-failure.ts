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
  return isClosed(reason) ? `${reason}; the server may want TLS: --tls or --ca FILE` : reason;
}

/** True for what is left of a connection that was taken and closed before anything was said. */
function isClosed(reason: string): boolean {
  return /^(?:Failed to connect|Connection closed|Protocol error)$|ECONNRESET|socket hang up/.test(reason);
}
