import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { failureText } from "./grpc-failure.ts";

const wrappedIn = (error: string) =>
  `No connection established. Last error: Error: ${error}. Resolution note: `;

test.each([
  [
    "nobody listens",
    false,
    wrappedIn("connect ECONNREFUSED 127.0.0.1:1"),
    "connect ECONNREFUSED 127.0.0.1:1",
  ],
  [
    "plain text to TLS",
    false,
    "Failed to connect (2026-11-22T20:29:18.861Z)",
    "Failed to connect; the server may want TLS: --tls or --ca FILE",
  ],
  [
    "to a port of HTTP/1.1",
    false,
    "Protocol error",
    "Protocol error; the server may want TLS (--tls or --ca FILE), or this may not be the port of xDS",
  ],
  [
    "TLS to plain text",
    true,
    wrappedIn(
      "404D0000:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../a/b.c:77:\n",
    ),
    "wrong version number; the server seems to speak plain text, without --tls or --ca",
  ],
  [
    "an unknown CA",
    true,
    wrappedIn(
      "self-signed certificate; if the root CA is installed locally, try running Node.js with --use-system-ca",
    ),
    "self-signed certificate",
  ],
  [
    "another name",
    true,
    "No connection established. Last error: Error [ERR_X_1]: Host: x. is not in the list. Resolution note: ",
    "Host: x. is not in the list",
  ],
  ["an end in order", false, "shutting down", "shutting down"],
])("%s", (_, hasTls, details, text) => {
  expect(failureText({ code: status.UNAVAILABLE, details }, hasTls)).toBe(text);
});

test("a method that the server hasn't", () => {
  const failure = { code: status.UNIMPLEMENTED, details: "no such method" };
  expect(failureText(failure, false)).toBe("the server doesn't speak this dialect (no such method)");
});
