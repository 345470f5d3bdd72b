import { Client } from "@grpc/grpc-js";
import { grpcCredentials, grpcNameOptions } from "../../runtime/grpc-credentials.ts";
import type { NacosTls } from "../nacos.ts";
import type { ServerAddress } from "../server-address.ts";
import { encodeMessage } from "../wire/payload.ts";
import type { Message } from "../wire/payload.ts";

/** Nacos' two methods: one for requests, one for the stream of the server's own. */
export const paths = { request: "/Request/request", stream: "/BiRequestStream/requestBiStream" };

/** A channel of its own to a server: clients to one address would share a TCP connection otherwise. */
export function openChannel(
  { server: { grpcTarget }, tls, maxMessageBytes }: {
    readonly server: ServerAddress;
    readonly tls: NacosTls | undefined;
    readonly maxMessageBytes: number;
  },
): Client {
  const grpcTls = tls && {
    ca: tls.ca,
    own: tls.cert === undefined || tls.key === undefined ? undefined : { cert: tls.cert, key: tls.key },
  };
  return new Client(grpcTarget, grpcCredentials(grpcTls, grpcTarget), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    ...grpcNameOptions(grpcTls, grpcTarget),
  });
}

/** A message as gRPC takes it. */
export function serialize(message: Message): Buffer {
  const bytes = encodeMessage(message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
