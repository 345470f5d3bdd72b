import { isUtf8 } from "node:buffer";
import { isIpAddress } from "../../istio/mod.ts";
import type { DubboUrl } from "./dubbo-url.ts";
import { decodeName, shortened, undecodable } from "./node-name.ts";
import type { UrlAddress, UrlReader } from "./parse-dubbo-url.ts";

/** Reads the part between `://` and the next slash; returns the reason if slime would skip the node. */
type ReadAddress = (address: string) => UrlAddress | string;

/**
 * Reads the names of providers as slime does: `dubbo://` and `consumer://` at IPv4 addresses with a port only, a `=` in
 * each parameter, and `+` as it is.
 */
export const slimeProviderReader: UrlReader = slimeReader(readProviderAddress);

/**
 * Reads the names of consumers as slime does: as those of providers, but that whatever stands in place of the address
 * will do. Only the application counts, so the port is always 0.
 */
export const slimeConsumerReader: UrlReader = slimeReader((address) => ({
  host: address.replace(/:.*$/s, ""),
  port: 0,
}));

function slimeReader(readAddress: ReadAddress): UrlReader {
  return {
    url: (name, wanted) => parseSlimeUrl(name, wanted, readAddress),
    address: (address) => readAddress(decodeName(address, escapeBytes) ?? ""),
  };
}

function parseSlimeUrl(
  name: string,
  wanted: ReadonlySet<string> | undefined,
  readAddress: ReadAddress,
): DubboUrl | string {
  const text = decodeName(name, escapeBytes);
  if (text === undefined) return undecodable(name);
  const isConsumer = text.startsWith("consumer://");
  if (!isConsumer && !text.startsWith("dubbo://")) return "has a protocol other than dubbo and consumer";
  const protocol = isConsumer ? "consumer" : "dubbo";
  const start = protocol.length + 3;
  const slash = text.indexOf("/", start);
  if (slash === -1) return "has no interface";
  const questionMark = text.indexOf("?", slash);
  if (questionMark === -1) return "has no parameters";
  const place = readAddress(text.slice(start, slash));
  if (typeof place === "string") return place;
  const parameters: Record<string, string> = Object.create(null);
  const query = text.slice(questionMark + 1).split("&");
  let isRepetitive = false;
  for (const pair of query) {
    const equals = pair.indexOf("=");
    if (equals === -1) return `has a parameter without "=" (${shortened(pair)})`;
    const key = pair.slice(0, equals);
    if (wanted !== undefined && !wanted.has(key)) continue;
    const value = pair.slice(equals + 1);
    isRepetitive ||= key in parameters || (key === "dubbo.tag" && value.includes(","));
    parameters[key] = value;
  }
  const { host, port } = place;
  const url = { protocol, host, port, path: text.slice(slash + 1, questionMark), parameters };
  return isRepetitive ? { ...url, pairs: pairsOf(query, wanted) } : url;
}

function pairsOf(query: readonly string[], wanted: ReadonlySet<string> | undefined): [string, string][] {
  return query.map((pair): [string, string] => {
    const equals = pair.indexOf("=");
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  }).filter(([key]) => wanted === undefined || wanted.has(key));
}

function readProviderAddress(address: string): UrlAddress | string {
  const colon = address.indexOf(":");
  const host = colon === -1 ? address : address.slice(0, colon);
  if (!isIpAddress(host)) return "has no IPv4 address";
  if (colon === -1) return "has no port";
  const port = portNumber(address.slice(colon + 1));
  return port === undefined ? `has no usable port (${shortened(address.slice(colon + 1))})` : { host, port };
}

/** Reads a decimal number with a sign and leading zeros, as Go does; undefined unless it is from 1 to 65535. */
function portNumber(text: string): number | undefined {
  if (!/^[-+]?[0-9]+$/.test(text)) return undefined;
  const number = Number(text);
  return number >= 1 && number <= 65_535 ? number : undefined;
}

/** Go's texts are bytes. A byte that is no UTF-8 becomes a surrogate that nothing else does: 0xff is U+DCFF. */
function escapeBytes(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at);
    text += length === 0
      ? String.fromCharCode(0xdc00 + (bytes[at] ?? 0))
      : bytes.toString("utf8", at, at + length);
    at += Math.max(1, length);
  }
  return text;
}

/** The number of bytes of the UTF-8 character that begins at a place; 0 if none does. */
function characterLength(bytes: Buffer, at: number): number {
  const lead = bytes[at] ?? 0;
  const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}
