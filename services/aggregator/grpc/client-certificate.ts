/** A subject alternative name of a certificate. */
interface San {
  /** As OpenSSL calls it: `URI`, `DNS`, `IP Address`, … */
  readonly type: string;
  readonly value: string;
}

/** What a subject alternative name can be compared with: DNS names and URIs. */
const comparable: ReadonlySet<string> = new Set(["DNS", "URI"]);

/**
 * Says why a client with these subject alternative names (`subjectaltname` of its certificate, undefined without any)
 * isn't let in; undefined if it is. Names are compared as a whole, DNS names without regard to case; an empty list
 * lets everyone in.
 */
export function refusalOf(
  subjectAltName: string | undefined,
  allowed: readonly string[],
): string | undefined {
  if (allowed.length === 0) return undefined;
  const names = sansOf(subjectAltName ?? "").filter(({ type }) => comparable.has(type));
  const fits = ({ type, value }: San) =>
    allowed.some((each) => type === "DNS" ? each.toLowerCase() === value.toLowerCase() : each === value);
  if (names.some(fits)) return undefined;
  const found = names.length === 0 ? "none" : names.map(({ value }) => value).join(", ");
  return `certificate's names aren't in xds.tls.allowedSans, it has ${found}`;
}

/**
 * Takes Node's text of the names apart: `DNS:a, URI:spiffe://b`. A value with a comma or another dangerous character is
 * a JSON string there (CVE-2021-44532), so that nobody can smuggle in a second name.
 */
function sansOf(text: string): San[] {
  const names: San[] = [];
  for (
    const [, type = "", plain, quoted] of text.matchAll(
      /([^:,"]+):(?:([^",]*)|("(?:[^"\\]|\\.)*"))(?:, |$)/gy,
    )
  ) {
    const value: unknown = quoted === undefined ? plain : JSON.parse(quoted);
    if (typeof value === "string") names.push({ type, value });
  }
  return names;
}
