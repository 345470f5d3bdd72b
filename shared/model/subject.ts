/**
 * Subjects of the entry log. A subject is a resource's identity:
 *
 *     mesh.entries.<Kind>.<registry>.<source>.<namespace>.<name…>
 *
 * Dots of the name stay dots, so that a Java package is a subject hierarchy
 * (`mesh.entries.*.zookeeper.*.dubbo.com.acme.>`). What a NATS token can't hold is percent-encoded, reversibly:
 * `%XX` per UTF-8 byte, `%uXXXX` for a lone surrogate, and a bare `%` for an empty token.
 */

/** The parts of a subject. `source` is one configured connection to a registry. */
export interface ResourceId {
  readonly kind: string;
  readonly registry: string;
  readonly source: string;
  readonly namespace: string;
  readonly name: string;
}

/** The prefix of everything on the stream. */
export const subjectRoot = "mesh.entries";

/** The filter that matches every message on the stream. */
export const allSubjects = `${subjectRoot}.>`;

/** The kind of the messages that say «this source has been read completely»; see `sync-marker.ts`. */
export const syncMarkerKind = "SyncMarker";

/** The kind of the messages that say which replicas of a collector share a source; see `term.ts`. */
export const termKind = "Term";

/** True for the kinds of messages that are about a source as a whole, and no resource. */
export function isBookkeepingKind(kind: string | undefined): boolean {
  return kind === syncMarkerKind || kind === termKind;
}

const plain = /^[A-Za-z0-9_:/@=+~!(),;'$-]+$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

function encodeCharacter(character: string): string {
  if (plain.test(character)) return character;
  const code = character.charCodeAt(0);
  if (character.length === 1 && code >= 0xd800 && code <= 0xdfff) {
    return `%u${code.toString(16).toUpperCase()}`;
  }
  let text = "";
  for (const byte of encoder.encode(character)) {
    text += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}

/** Writes any text as one token of a subject. */
export function encodeToken(token: string): string {
  if (token === "") return "%";
  if (plain.test(token)) return token;
  let text = "";
  for (const character of token) text += encodeCharacter(character);
  return text;
}

/** Undoes {@link encodeToken}; undefined if the token was not made by it. */
function decodeToken(token: string): string | undefined {
  if (token === "%") return "";
  if (!token.includes("%")) return token;
  let text = "";
  let rest = token;
  while (rest !== "") {
    const bytes = /^(?:%[0-9A-F]{2})+/.exec(rest)?.[0];
    const surrogate = /^%u[0-9A-F]{4}/.exec(rest)?.[0];
    if (bytes !== undefined) {
      try {
        text += decoder.decode(Uint8Array.from(bytes.slice(1).split("%"), (hex) => Number.parseInt(hex, 16)));
      } catch {
        return undefined;
      }
      rest = rest.slice(bytes.length);
    } else if (surrogate === undefined) {
      if (rest.startsWith("%")) return undefined;
      const next = rest.indexOf("%");
      text += next === -1 ? rest : rest.slice(0, next);
      rest = next === -1 ? "" : rest.slice(next);
    } else {
      text += String.fromCharCode(Number.parseInt(surrogate.slice(2), 16));
      rest = rest.slice(surrogate.length);
    }
  }
  return text;
}

/** Writes any text as the last tokens of a subject: dots stay dots. */
export function encodeName(name: string): string {
  return name.split(".").map(encodeToken).join(".");
}

/** Undoes {@link encodeName}; undefined if the text was not made by it. */
export function decodeName(text: string): string | undefined {
  const tokens: string[] = [];
  for (const token of text.split(".")) {
    const decoded = token === "" ? undefined : decodeToken(token);
    if (decoded === undefined) return undefined;
    tokens.push(decoded);
  }
  return tokens.join(".");
}

/** The subject of a resource. Any strings are allowed; {@link decodeSubject} gives them back. */
export function encodeSubject(id: ResourceId): string {
  const head = [id.kind, id.registry, id.source, id.namespace].map(encodeToken).join(".");
  return `${subjectRoot}.${head}.${encodeName(id.name)}`;
}

/** The resource that a subject identifies, or undefined if the subject isn't one of ours. */
export function decodeSubject(subject: string): ResourceId | undefined {
  if (!subject.startsWith(`${subjectRoot}.`)) return undefined;
  const tokens: string[] = [];
  for (const token of subject.slice(subjectRoot.length + 1).split(".")) {
    const text = token === "" ? undefined : decodeToken(token);
    if (text === undefined) return undefined;
    tokens.push(text);
  }
  const [kind, registry, source, namespace, ...name] = tokens;
  if (kind === undefined || registry === undefined || source === undefined || namespace === undefined) {
    return undefined;
  }
  if (name.length === 0) return undefined;
  return { kind, registry, source, namespace, name: name.join(".") };
}

/** The subject of a source's sync marker. It lies under the same `<registry>` token as the source's entries. */
export function syncMarkerSubject(registry: string, source: string): string {
  return encodeSubject({ kind: syncMarkerKind, registry, source, namespace: "", name: "" });
}

/** The subject of a source's term, next to its sync marker. */
export function termSubject(registry: string, source: string): string {
  return encodeSubject({ kind: termKind, registry, source, namespace: "", name: "" });
}

/** The filter that matches all that one source publishes: entries of every kind, its sync marker and its term. */
export function sourceFilter(registry: string, source: string): string {
  return `${subjectRoot}.*.${encodeToken(registry)}.${encodeToken(source)}.>`;
}
