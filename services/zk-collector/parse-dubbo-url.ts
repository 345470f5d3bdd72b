import { isIpAddress } from "../../shared/istio/mod.ts";
import type { DubboUrl } from "./dubbo-url.ts";

/**
 * Longer names are no URLs of anybody: a service with a hundred methods has 4 KB. ZooKeeper takes names of up to a
 * megabyte, and each would become labels of an endpoint.
 */
const longestName = 65_536;

const equalsSign = 61;
const ampersand = 38;
const semicolon = 59;

/**
 * Reads the name of a provider's, consumer's or configurator's node by Dubbo's own grammar:
 * `[protocol://][user[:password]@]host[:port][/path][?key=value&key=value]`, form-encoded as a whole and once. Pairs
 * may be separated by `;` too; a key without `=` has the empty value; of several the last one counts. Answers the
 * reason, as the end of a sentence, if it can't be read. About 2 µs for a name of 540 bytes.
 */
export function parseDubboUrl(name: string): DubboUrl | string {
  const text = decodeName(name.includes("+") ? name.replaceAll("+", " ") : name);
  if (text === undefined) return undecodable(name);
  const scheme = text.indexOf("://");
  if (scheme < 1) return "has no protocol";
  const protocol = text.slice(0, scheme).toLowerCase();
  const questionMark = text.indexOf("?", scheme + 3);
  const addressAndPath = text.slice(scheme + 3, questionMark === -1 ? text.length : questionMark);
  const slash = addressAndPath.indexOf("/");
  const address = addressAndPath.slice(0, slash === -1 ? addressAndPath.length : slash);
  const place = readAddress(address.slice(address.lastIndexOf("@") + 1), protocol);
  if (typeof place === "string") return place;
  const parameters: Record<string, string> = Object.create(null);
  if (questionMark !== -1) readParameters(text, questionMark + 1, parameters);
  const path = slash === -1 ? "" : addressAndPath.slice(slash + 1);
  const hash = path.indexOf("#");
  return { protocol, ...place, path: hash === -1 ? path : path.slice(0, hash), parameters };
}

/**
 * Reads a name as slime does, which takes `dubbo://` and `consumer://` at IPv4 addresses only, wants `=` in each
 * parameter, and leaves `+` as it is. Answers the reason if slime would skip it. A consumer may have no port.
 */
export function parseSlimeUrl(name: string): DubboUrl | string {
  const text = decodeName(name);
  if (text === undefined) return undecodable(name);
  const isConsumer = text.startsWith("consumer://");
  if (!isConsumer && !text.startsWith("dubbo://")) return "has a protocol other than dubbo and consumer";
  const protocol = isConsumer ? "consumer" : "dubbo";
  const start = protocol.length + 3;
  const slash = text.indexOf("/", start);
  if (slash === -1) return "has no interface";
  const questionMark = text.indexOf("?", slash);
  if (questionMark === -1) return "has no parameters";
  const [host = "", port, more] = text.slice(start, slash).split(":");
  if (more !== undefined || !isIpAddress(host)) return "has no IPv4 address";
  const number = port === undefined && isConsumer ? 0 : portNumber(port ?? "");
  if (number === undefined) return `has no usable port (${shortened(port ?? "none")})`;
  const parameters: Record<string, string> = Object.create(null);
  for (const pair of text.slice(questionMark + 1).split("&")) {
    const equals = pair.indexOf("=");
    if (equals === -1) return `has a parameter without "=" (${shortened(pair)})`;
    parameters[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  return { protocol, host, port: number, path: text.slice(slash + 1, questionMark), parameters };
}

/** Undefined for what isn't percent-encoded. Bytes that are no UTF-8 become replacement characters, as in Java. */
function decodeName(name: string): string | undefined {
  if (name.length > longestName) return undefined;
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    if (/%(?![0-9A-Fa-f]{2})/.test(name)) return undefined;
    return decodeBytes(name);
  }
}

function decodeBytes(name: string): string {
  return name.replaceAll(
    /(?:%[0-9A-Fa-f]{2})+/g,
    (run) => Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8"),
  );
}

function undecodable(name: string): string {
  return name.length > longestName
    ? `has ${name.length} characters, more than the ${longestName} that are read`
    : "is not percent-encoded: a % without two hexadecimal digits";
}

/**
 * The port is behind the last colon: older releases write IPv6 addresses without brackets. A consumer may have no
 * port, so there an address that is one as a whole is taken as one.
 */
function readAddress(address: string, protocol: string): { host: string; port: number } | string {
  const bracket = address.startsWith("[") ? address.indexOf("]") : -1;
  const colon = address.lastIndexOf(":");
  const isPortless = colon <= bracket || (protocol === "consumer" && bracket === -1 && isIpAddress(address));
  const text = isPortless ? address : address.slice(0, colon);
  const host = bracket === -1 ? text : text.slice(1, bracket);
  if (host === "" || (bracket !== -1 && bracket !== text.length - 1)) {
    return `has no usable address (${shortened(address)})`;
  }
  const port = isPortless ? 0 : portNumber(address.slice(colon + 1));
  if (port === undefined) return `has no usable port (${shortened(address.slice(colon + 1))})`;
  return { host, port };
}

/** Undefined unless it is a number from 1 to 65535. */
function portNumber(text: string): number | undefined {
  if (!/^[0-9]{1,5}$/.test(text)) return undefined;
  const number = Number(text);
  return number >= 1 && number <= 65_535 ? number : undefined;
}

/** One pass, because a name may be one long row of separators. */
function readParameters(text: string, start: number, parameters: Record<string, string>): void {
  const end = text.length;
  let keyStart = start;
  let equals = -1;
  for (let at = start; at <= end; at++) {
    const code = at === end ? ampersand : text.charCodeAt(at);
    if (code === equalsSign) {
      if (equals === -1) equals = at;
    } else if (code === ampersand || code === semicolon) {
      const keyEnd = equals === -1 ? at : equals;
      if (keyEnd > keyStart) {
        parameters[text.slice(keyStart, keyEnd)] = equals === -1 ? "" : text.slice(equals + 1, at);
      }
      keyStart = at + 1;
      equals = -1;
    }
  }
}

function shortened(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}
