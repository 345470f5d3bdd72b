/**
 * What istiod accepts as names, checked the way its package `pkg/config/labels` and `pkg/config/validation/agent` do.
 * Upper case is allowed everywhere; `_` only in label keys and values.
 */

const labelPattern = /^[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?$/;
const wildcardLabelPattern = /^(?:\*|(?:\*-?)?[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?)$/;
const digits = /^[0-9]+$/;

const labelLength = 63;
const hostLength = 255;
const keyPrefixLength = 253;
const largestInt64 = 2n ** 63n - 1n;

/** LABEL: 1 to 63 letters, digits and `-`, with a letter or digit at both ends. Port names, namespaces. */
export function isLabel(text: string): boolean {
  return text.length <= labelLength && labelPattern.test(text);
}

/**
 * True for a label that istiod takes for a number. It parses a 64-bit integer, so twenty nines are a name again.
 */
function isInteger(label: string): boolean {
  return digits.test(label) && (label.length < 19 || BigInt(label) <= largestInt64);
}

/** Dot-separated LABELs, the last one no integer; one trailing dot is allowed (and so is nothing at all). */
function areLabels(text: string): boolean {
  const labels = text.split(".");
  const last = labels.pop() ?? "";
  if (last !== "" && (isInteger(last) || !isLabel(last))) return false;
  return labels.every(isLabel);
}

/** FQDN: 1 to 255 characters, dot-separated LABELs, the last one not an integer; one trailing dot allowed. */
export function isFqdn(text: string): boolean {
  return text !== "" && text.length <= hostLength && areLabels(text);
}

/**
 * WILDCARD: as FQDN, but the first label may be `*`, `*LABEL` or `*-LABEL`. A single label may be a number. This is
 * what `spec.hosts` of a ServiceEntry holds (where `*` alone is forbidden all the same).
 */
export function isWildcardHost(text: string): boolean {
  if (text === "" || text.length > hostLength) return false;
  const dot = text.indexOf(".");
  const first = dot === -1 ? text : text.slice(0, dot);
  if (first.length > labelLength || !wildcardLabelPattern.test(first)) return false;
  return dot === -1 || areLabels(text.slice(dot + 1));
}

/** True for `*foo.com` and the like: a `*` that is neither alone nor followed by a dot. */
export function isPartialWildcard(host: string): boolean {
  return host.includes("*") && host !== "*" && !host.startsWith("*.");
}

/** What an ASCII character may be in a label value or in the name part of a label key. */
const nowhere = 0;
const inside = 1;
const anywhere = 2;

const characterKinds = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[A-Za-z0-9]/.test(character)) characterKinds[code] = anywhere;
  else if (/[-_.]/.test(character)) characterKinds[code] = inside;
}

function characterKind(text: string, index: number): number {
  return characterKinds[text.charCodeAt(index)] ?? nowhere;
}

/**
 * Letters, digits and `-_.` with a letter or digit at both ends, from `start` on. A loop, because this runs for each
 * label of each endpoint: it takes a third of a regular expression's time.
 */
function isQualifiedName(text: string, start: number): boolean {
  const end = text.length - 1;
  if (end < start || characterKind(text, start) !== anywhere || characterKind(text, end) !== anywhere) {
    return false;
  }
  for (let index = start + 1; index < end; index++) {
    if (characterKind(text, index) === nowhere) return false;
  }
  return true;
}

/** A label value (S9): empty, or letters, digits and `-_.` with a letter or digit at both ends. Any length. */
export function isLabelValue(text: string): boolean {
  return text === "" || isQualifiedName(text, 0);
}

/** The part of a label key before its `/`: 1 to 253 characters, dot-separated, each part as a LABEL of any length. */
export function isLabelKeyPrefix(text: string): boolean {
  return text.length <= keyPrefixLength && text.split(".").every((part) => labelPattern.test(part));
}

/**
 * Keys found valid so far. All endpoints of a registry share a few dozen keys, and looking one up takes a fifth of
 * checking it. Bounded, since a registry may put an id into a key.
 */
const validKeys = new Set<string>();
const validKeysLimit = 4096;

/** A label key (S9): `[prefix/]name`; the name 1 to 63 characters, as in {@link isLabelValue}. */
export function isLabelKey(text: string): boolean {
  if (validKeys.has(text)) return true;
  const slash = text.indexOf("/");
  if (slash !== -1 && !isLabelKeyPrefix(text.slice(0, slash))) return false;
  if (text.length - slash - 1 > labelLength || !isQualifiedName(text, slash + 1)) return false;
  if (validKeys.size < validKeysLimit) validKeys.add(text);
  return true;
}

/** The protocols that istiod knows, in lower case; it compares without regard to case. */
const protocols = {
  "tcp": { http: false, tls: false, tcp: true },
  "udp": { http: false, tls: false, tcp: false },
  "grpc": { http: true, tls: false, tcp: false },
  "grpc-web": { http: true, tls: false, tcp: false },
  "http": { http: true, tls: false, tcp: false },
  "http_proxy": { http: true, tls: false, tcp: false },
  "http2": { http: true, tls: false, tcp: false },
  "https": { http: false, tls: true, tcp: true },
  "tls": { http: false, tls: true, tcp: true },
  "mongo": { http: false, tls: false, tcp: true },
  "redis": { http: false, tls: false, tcp: true },
  "mysql": { http: false, tls: false, tcp: true },
} as const;

/** The name of a protocol that istiod knows, in lower case. */
export type ProtocolName = keyof typeof protocols;

/** The names that istiod knows, for messages. */
export const protocolNames: readonly string[] = Object.keys(protocols);

/** The protocol that istiod reads from a port, or undefined for what it doesn't know, the empty text among it. */
export function parseProtocol(text: string): ProtocolName | undefined {
  const name = text.toLowerCase();
  return isProtocolName(name) ? name : undefined;
}

function isProtocolName(name: string): name is ProtocolName {
  return Object.hasOwn(protocols, name);
}

/** True if istiod takes the text as a port's protocol. Empty is fine: the proxy then looks at the first bytes. */
export function isPortProtocol(text: string): boolean {
  return text === "" || parseProtocol(text) !== undefined;
}

/** How istiod groups protocols; `https` and `tls` are both TLS and TCP, `udp` is nothing of it. */
export function protocolTraits(name: ProtocolName): { http: boolean; tls: boolean; tcp: boolean } {
  return protocols[name];
}
