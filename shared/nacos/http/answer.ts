import { NacosError } from "../nacos-error.ts";
import type { NacosErrorKind } from "../nacos-error.ts";
import { isAboutAsker } from "../refusal.ts";
import { excerpt, isObject, parseJson } from "../wire/json.ts";
import type { HttpAnswer } from "./transport.ts";

/**
 * The JSON of a good answer.
 * @param what what was asked of whom, for messages
 * @throws NacosError of the kind that its status, or the code in its body, means
 */
export function jsonOf(answer: HttpAnswer, what: string): unknown {
  return parseJson(textOf(answer, what), `the answer of ${what}`);
}

/** The text of a good answer. @throws NacosError as {@link jsonOf} does */
export function textOf({ status, text }: HttpAnswer, what: string): string {
  if (status === 200) return text;
  throw new NacosError(kindOfStatus(status, text), `${what}: HTTP ${status}${said(text)}`);
}

/**
 * What is in the envelope that Nacos has used since v2: `{code, message, data}`.
 * @throws NacosError of the kind that its code means
 */
export function dataOf(json: unknown, what: string): unknown {
  if (!isObject(json) || typeof json["code"] !== "number") {
    throw new NacosError("protocol-violation", `${what}: no {code, message, data}`);
  }
  const { code, message, data } = json;
  // v1 lists namespaces with 200 for success.
  if (code === 0 || code === 200) return data;
  throw new NacosError(kindOfCode(code), `${what}: code ${code}${saidBy(message)}${saidBy(data)}`);
}

function kindOfStatus(status: number, text: string): NacosErrorKind {
  switch (status) {
    case 400:
      return "refused";
    case 401:
      return "unauthorized";
    case 403:
      return isAboutAsker(text) ? "unauthorized" : "forbidden";
    case 404:
    case 405:
    case 410:
    case 501:
      return "api-gone";
    default:
      return "unreachable";
  }
}

function kindOfCode(code: number): NacosErrorKind {
  switch (code) {
    case 401:
      return "unauthorized";
    case 403:
    case 10001:
      return "forbidden";
    case 410:
    case 501:
    case 40000:
    case 40001:
      return "api-gone";
    case 400:
    case 10000:
    case 20002:
    case 21000:
    case 22000:
      return "refused";
    default:
      return "unreachable";
  }
}

/** The message in the JSON of an error, which Spring and Nacos each write in their way, or the text itself. */
function said(text: string): string {
  if (text.trim() === "") return "";
  let message: unknown = text;
  try {
    const json: unknown = JSON.parse(text);
    if (isObject(json)) message = json["message"] ?? json["error"] ?? json["data"] ?? text;
  } catch {
    // Older servers write plain text, and proxies write HTML.
  }
  return saidBy(message);
}

function saidBy(message: unknown): string {
  return typeof message === "string" && message !== "" ? ` "${excerpt(message)}"` : "";
}
