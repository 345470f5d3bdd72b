import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from "yaml";
import type { Document, Node, Pair, Tags } from "yaml";
import type { ConfigIssue, KeyPath, Place } from "./config-issue.ts";

/** A text of YAML or JSON, read, with the way back from a key to its place. */
export interface YamlText {
  /** Plain data; undefined for an empty text. */
  readonly value: unknown;
  /** The place of a key, or of the nearest thing above it that is in the text. */
  placeOf(path: KeyPath): Place | undefined;
}

/**
 * `strict` is YAML 1.2, for our own file. `go` reads as Go's YAML library does: 1.1, with `yes` and `on` as switches,
 * but without numbers to base 60 and without timestamps, and the last of equal keys wins.
 */
export type YamlDialect = "strict" | "go";

const notInGo = /timestamp|time$/i;

function withoutTimes(tags: Tags): Tags {
  return tags.filter((tag) => {
    if (typeof tag === "string") return !notInGo.test(tag);
    return !(notInGo.test(tag.tag) || tag.format === "TIME");
  });
}

/** Reads one document. Syntax errors are answered as issues; the parser's excerpts are left out: they hold secrets. */
export function readYaml(
  text: string,
  name: string,
  dialect: YamlDialect,
): { readonly yaml: YamlText } | { readonly issues: readonly ConfigIssue[] } {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    ...(dialect === "go"
      ? { version: "1.1" as const, uniqueKeys: false, customTags: withoutTimes }
      : { version: "1.2" as const, merge: true }),
  });
  if (!Array.isArray(documents) || documents.length === 0) {
    return { yaml: { value: undefined, placeOf: () => undefined } };
  }
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { document: name, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const filled = documents.filter((document) => document.contents !== null || document.errors.length > 0);
  const [document = documents[0], second] = filled;
  if (document === undefined) return { yaml: { value: undefined, placeOf: () => undefined } };
  const issues = document.errors.map((error): ConfigIssue => ({
    path: "",
    message: `expected YAML or JSON: ${error.message}`,
    place: placeAt(error.pos[0]),
  }));
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
    return { yaml: { value, placeOf: (path) => placeOf(document, path, placeAt) } };
  } catch (error) {
    // Aliases that multiply beyond all measure, or that name no anchor.
    const reason = error instanceof Error ? error.message : String(error);
    return { issues: [{ path: "", message: `expected YAML or JSON: ${reason}`, place: placeAt(0) }] };
  }
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
