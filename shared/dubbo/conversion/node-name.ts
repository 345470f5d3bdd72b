/**
 * Longer names are no URLs of anybody: a service with a hundred methods has 4 KB. ZooKeeper takes names of up to a
 * megabyte, and each would become labels of an endpoint.
 */
const longestName = 65_536;

/** How {@link decodeName} turns bytes into text. */
export type DecodeBytes = (bytes: Buffer) => string;

/**
 * Percent-decodes the name of a node. Undefined for a name that is too long, or has a `%` without two hexadecimal
 * digits. Bytes that are no UTF-8 become replacement characters, as in Java, unless `decodeBytes` says otherwise.
 */
export function decodeName(name: string, decodeBytes: DecodeBytes = utf8): string | undefined {
  if (name.length > longestName) return undefined;
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    if (/%(?![0-9A-Fa-f]{2})/.test(name)) return undefined;
    return name.replaceAll(
      /(?:%[0-9A-Fa-f]{2})+/g,
      (run) => decodeBytes(Buffer.from(run.replaceAll("%", ""), "hex")),
    );
  }
}

function utf8(bytes: Buffer): string {
  return bytes.toString("utf8");
}

/** Why {@link decodeName} returned undefined, as the end of a sentence. */
export function undecodable(name: string): string {
  return name.length > longestName
    ? `has ${name.length} characters, more than the ${longestName} that are read`
    : "is not percent-encoded: a % without two hexadecimal digits";
}

/** A text for a report: at most its first 60 characters. */
export function shortened(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}
