import { create } from "@bufbuild/protobuf";
import { hostname } from "node:os";
import { NodeSchema } from "../../../protos/gen/envoy/config/core/v3/base_pb.ts";
import type { Node } from "../../../protos/gen/envoy/config/core/v3/base_pb.ts";

/**
 * Who we say we are: the node of a stock istiod that runs in the pod `meshctl` of a namespace called like this host.
 * Servers tell istiods from proxies by `GENERATOR`; the version is the one that istiod itself fakes. A `revision` is
 * sent as istiod sends its own: the server then leaves out what is labelled for another. `more` is metadata that a
 * stock istiod doesn't have.
 */
export function istiodNode(
  revision: string | undefined,
  more: Readonly<Record<string, string>> = {},
): Node {
  const host = (hostname().split(".")[0] ?? "").replaceAll(/[^A-Za-z0-9-]/g, "-") || "localhost";
  return create(NodeSchema, {
    id: `sidecar~127.0.0.1~meshctl.${host}~${host}.svc.cluster.local`,
    metadata: {
      GENERATOR: "api",
      ISTIO_VERSION: "65536.65536.65536",
      ...(revision === undefined ? {} : { ISTIO_REVISION: revision }),
      ...more,
    },
  });
}

/**
 * The nonce of istiod's first request of a type: Go's text of the present time, with the monotonic clock at its end.
 * It matches nothing that the server sent; a server that takes it for an ACK never answers.
 */
export function clockNonce(now: Date, monotonicMs: number): string {
  const time = now.toISOString().replace("T", " ").replace("Z", "000000");
  return `${time} +0000 UTC m=+${(monotonicMs / 1000).toFixed(9)}`;
}
