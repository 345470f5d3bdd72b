import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { PayloadSchema } from "../../../protos/gen/nacos/payload_pb.ts";
import { errorText } from "../../runtime/errors.ts";
import { NacosError } from "../nacos-error.ts";
import { isObject, parseJson } from "./json.ts";
import type { JsonObject } from "./json.ts";

/** A message of Nacos' gRPC protocol, in either direction. */
export interface Message {
  /** The Java class that it is, such as `SubscribeServiceRequest`. */
  readonly type: string;
  readonly body: JsonObject;
  /** For authentication; they travel beside the body. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Address of the sender, as the server shows it in its lists. */
  readonly clientIp?: string;
}

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder("utf-8", { fatal: true }) };

/** A message as it goes over the wire. */
export function encodeMessage({ type, body, headers = {}, clientIp = "" }: Message): Uint8Array {
  const payload = create(PayloadSchema, {
    metadata: { type, headers: { ...headers }, clientIp },
    body: { value: utf8.encoder.encode(JSON.stringify(body)) },
  });
  return toBinary(PayloadSchema, payload);
}

/** @throws NacosError `protocol-violation` for what is no message. */
export function decodeMessage(bytes: Uint8Array): Message {
  let type: string;
  let text: string;
  let headers: Readonly<Record<string, string>>;
  let clientIp: string;
  try {
    const payload = fromBinary(PayloadSchema, bytes);
    ({ type = "", headers = {}, clientIp = "" } = payload.metadata ?? {});
    text = utf8.decoder.decode(payload.body?.value);
  } catch (error) {
    throw new NacosError("protocol-violation", `a message that can't be decoded: ${errorText(error)}`);
  }
  if (type === "") throw new NacosError("protocol-violation", "a message without a type");
  const body = text === "" ? {} : parseJson(text, `the body of ${type}`);
  if (!isObject(body)) throw new NacosError("protocol-violation", `the body of ${type} is no object`);
  return { type, body, headers, clientIp };
}
