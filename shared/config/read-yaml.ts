import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, visit } from "yaml";
import type { Document, Node, Pair, Tags, YAMLParseError } from "yaml";
import type { ConfigIssue, KeyPath, Place } from "./config-issue.ts";
import { offsetsInFile } from "./text-place.ts";

/** A text of YAML or JSON, read, with the way back from a key to its place. */
export interface YamlText {
  /** Plain data; undefined for an empty text. */
  readonly value: unknown;
  /** The place of a key, or of the nearest thing above it that is in the text. */
  placeOf(path: KeyPath): Place | undefined;
  /** The places of characters of the text at `path`, by their offset in it. */
  placesIn(path: KeyPath): PlaceAt;
}

/** The place of a character by its offset in a text. */
export type PlaceAt = (offset: number) => Place;

/** Syntax errors that are told; what follows from a first mistake helps nobody. */
const toldErrors = 3;

/**
 * `strict` is YAML 1.2, for our own file. `go` reads as Go's YAML library does: 1.1, with `yes` and `on` as switches,
 * but without numbers to base 60 and without timestamps, and the last of equal keys wins.
 */
export type YamlDialect = "strict" | "go";

const nothing: YamlText = {
  value: undefined,
  placeOf: () => undefined,
  placesIn: () => () => ({ document: "", line: 1, column: 1 }),
};

const notInGo = /timestamp|time$/i;

function withoutTimes(tags: Tags): Tags {
  return tags.filter((tag) => {
    if (typeof tag === "string") return !notInGo.test(tag);
    return !(notInGo.test(tag.tag) || tag.format === "TIME");
  });
}

/**
 * Reads one document. Syntax errors are returned as issues; the parser's excerpts are left out: they hold secrets.
 * `name` is that of the file, `placeInFile` the way to it of a text that is only a part of it.
 */
export function readYaml(
  text: string,
  name: string,
  dialect: YamlDialect,
  placeInFile?: PlaceAt,
): { readonly yaml: YamlText } | { readonly issues: readonly ConfigIssue[] } {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    // The parser's own warnings quote the text.
    logLevel: "error",
    // The parser compares each key with all others: a file of another kind may have a hundred thousand.
    uniqueKeys: false,
    ...(dialect === "go"
      ? { version: "1.1" as const, customTags: withoutTimes }
      : { version: "1.2" as const, merge: true }),
  });
  if (!Array.isArray(documents) || documents.length === 0) {
    return { yaml: nothing };
  }
  const placeAt = placeInFile ?? ((offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { document: name, line: Math.max(line, 1), column: Math.max(col, 1) };
  });
  const filled = documents.filter((document) => document.contents !== null || document.errors.length > 0);
  const [document = documents[0], second] = filled;
  if (document === undefined) return { yaml: nothing };
  const syntax = document.errors.map((error) => ({ at: error.pos[0], reason: withoutQuotations(error) }));
  const mistakes = syntax.concat(dialect === "strict" ? repeatedKeys(document) : []);
  const issues = mistakes.slice(0, toldErrors).map(({ at, reason }): ConfigIssue => ({
    path: "",
    message: `expected YAML or JSON: ${reason}`,
    place: placeAt(at),
  }));
  if (mistakes.length > toldErrors) {
    issues.push({ path: "", message: `and ${mistakes.length - toldErrors} more places that are no YAML` });
  }
  if (second !== undefined) {
    issues.push({
      path: "",
      message: "expected one document, found several; put the others into files of their own",
      place: placeAt(second.range[0]),
    });
  }
  if (issues.length > 0) return { issues };
  try {
    const value: unknown = document.toJS();
    return {
      yaml: {
        value,
        placeOf: (path) => placeOf(document, path, placeAt),
        placesIn: (path) => {
          const node: unknown = document.getIn(path, true);
          const offsets = isScalar(node) ? offsetsInFile(text, node) : () => undefined;
          const begin = isScalar(node) ? node.range?.[0] ?? 0 : 0;
          return (offset) => placeAt(offsets(offset) ?? begin);
        },
      },
    };
  } catch (error) {
    // Aliases that multiply beyond all measure, or that name no anchor.
    const reason = error instanceof Error && !error.message.startsWith("Unresolved alias")
      ? error.message
      : "a value that begins with * is an alias of YAML, and this one names no anchor; quote text that begins with *";
    return { issues: [{ path: "", message: `expected YAML or JSON: ${reason}`, place: placeAt(0) }] };
  }
}

/** What is wrong with a text, without the pieces of it that some of the parser's messages quote: they may be secrets. */
function withoutQuotations({ code, message }: YAMLParseError): string {
  return quotingErrors.get(code) ?? (code === "UNEXPECTED_TOKEN" ? message.replace(/: .*$/s, "") : message);
}

const quotingErrors: ReadonlyMap<YAMLParseError["code"], string> = new Map([
  [
    "BAD_DIRECTIVE",
    "a line that begins with % is a directive of YAML, and this is none; quote text that begins with %",
  ],
  [
    "BAD_DQ_ESCAPE",
    "a backslash in double quotes begins an escape sequence, and this is none; write two, or single quotes",
  ],
  [
    "TAG_RESOLVE_FAILED",
    "a value that begins with ! has a tag of YAML, and this one means nothing here; quote such text",
  ],
]);

/** Keys that a map has twice. */
function repeatedKeys(document: Document.Parsed): { readonly at: number; readonly reason: string }[] {
  const found: { at: number; reason: string }[] = [];
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key) || key.value === "<<") continue;
        if (seen.has(key.value)) found.push({ at: key.range?.[0] ?? 0, reason: "Map keys must be unique" });
        seen.add(key.value);
      }
    },
  });
  return found;
}

function placeOf(
  document: Document.Parsed,
  path: KeyPath,
  placeAt: (offset: number) => Place,
): Place | undefined {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0];
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.findLast(({ key }) =>
        isScalar(key) && String(key.value) === step
      );
      if (pair === undefined) break;
      const key = isScalar(pair.key) ? pair.key.range?.[0] : undefined;
      node = isNode(pair.value) ? pair.value : undefined;
      offset = (isScalar(node) ? node.range?.[0] : key) ?? offset;
    } else if (isSeq(node) && typeof step === "number") {
      const item: unknown = node.items[step];
      node = isNode(item) ? item : undefined;
      offset = node?.range?.[0] ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : placeAt(offset);
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value);
}
