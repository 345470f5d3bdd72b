import { status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { errorText } from "../../runtime/errors.ts";
import { NacosError } from "../nacos-error.ts";
import type { NacosErrorKind } from "../nacos-error.ts";
import { isAboutAsker } from "../refusal.ts";
import { excerpt, textOr } from "../wire/json.ts";
import type { Message } from "../wire/payload.ts";

/** Codes of refused requests that something depends on. */
export const errorCodes = {
  starting: 300,
  notRegistered: 301,
  noHandler: 302,
  badParameter: 400,
  noRight: 403,
  overPatternLimit: 50310,
  overMatchLimit: 50311,
  /** The server has the connection, but not as one for naming. */
  noNamingClient: -401,
} as const;

/** A response said that the request failed. */
export class ResponseError extends NacosError {
  /** The server's number for it. */
  readonly errorCode: number;

  constructor(kind: NacosErrorKind, errorCode: number, message: string) {
    super(kind, message);
    this.errorCode = errorCode;
  }
}

/** What a response says of failure; undefined for one of success. Older servers and others write no `success`. */
export function responseError(
  { type, body }: Message,
  expected: string,
  what: string,
): NacosError | undefined {
  const { resultCode, errorCode, message } = body;
  const code = typeof errorCode === "number" ? errorCode : 0;
  const isGood = resultCode === 200 && body["success"] !== false;
  if (isGood && type === expected) return undefined;
  if (isGood) return new NacosError("protocol-violation", `${what}: the answer is a ${excerpt(type)}`);
  const said = textOr(message, "") === "" ? "" : ` "${excerpt(textOr(message, ""))}"`;
  const number = code === 0 ? Number(resultCode) : code;
  return new ResponseError(kindOf(number, said), number, `${what}: error ${number}${said}`);
}

function kindOf(code: number, said: string): NacosErrorKind {
  switch (code) {
    case errorCodes.noHandler:
    case 501:
      return "api-gone";
    case errorCodes.badParameter:
      return "refused";
    case errorCodes.noRight:
      return isAboutAsker(said) ? "unauthorized" : "forbidden";
    default:
      return "unreachable";
  }
}

/** What gRPC itself says when a call, or the stream, fails. */
export function callError(error: Partial<ServiceError> & Error, what: string): NacosError {
  const { code, details = errorText(error) } = error;
  const text = `${what}: ${details}`;
  const options = { cause: error };
  if (code === status.RESOURCE_EXHAUSTED && /larger than/.test(details)) {
    // Without these words it is a server under load.
    return new NacosError("protocol-violation", `${text}; raise the largest message size`, options);
  }
  if (code === status.INTERNAL && /parsing error/.test(details)) {
    return new NacosError("protocol-violation", text, options);
  }
  if (code === status.UNIMPLEMENTED) {
    return new NacosError("api-gone", `${text}; this is no gRPC port of Nacos`, options);
  }
  if (code === status.DEADLINE_EXCEEDED) {
    return new NacosError("unreachable", `${what}: no answer in time`, options);
  }
  return new NacosError("unreachable", text, options);
}
