import { LineCounter } from "yaml";
import type { Scalar } from "yaml";

/** A function from offsets of a text that a scalar holds to offsets of the file; undefined where that can't be told. */
export type OffsetMap = (offset: number) => number | undefined;

/**
 * Where the text of a scalar stands in its file, character by character: a configuration inside a ConfigMap is such a
 * text, and its mistakes have to be found in the file that was given. Literal blocks (`|`) and double-quoted texts on
 * one line (JSON) can be followed; those are what `kubectl` writes.
 */
export function offsetsInFile(source: string, scalar: Scalar): OffsetMap {
  const [start = 0, end = source.length] = scalar.range ?? [];
  if (scalar.type === "BLOCK_LITERAL") return literalOffsets(source, start, String(scalar.value));
  if (scalar.type === "QUOTE_DOUBLE") return quotedOffsets(source, start, end);
  return () => undefined;
}

/** Line by line: each stands behind the same indentation. */
function literalOffsets(source: string, start: number, text: string): OffsetMap {
  const header = source.indexOf("\n", start);
  if (header === -1) return () => undefined;
  const lines = source.slice(header + 1).split("\n");
  const first = lines.find((line) => line.trim() !== "") ?? "";
  const given = /^[|>][-+]?([1-9])/.exec(source.slice(start))?.[1];
  const indent = given === undefined ? first.length - first.trimStart().length : undefined;
  // An explicit indentation counts from the parent's, which isn't known here.
  if (indent === undefined) return () => undefined;
  const starts: number[] = [];
  let offset = header + 1;
  for (const line of lines) {
    starts.push(offset);
    offset += line.length + 1;
  }
  const inner = new LineCounter();
  for (let at = 0; at !== -1; at = text.indexOf("\n", at) + 1 || -1) inner.addNewLine(at);
  return (position) => {
    const { line, col } = inner.linePos(position);
    const begin = starts[line - 1];
    return begin === undefined ? undefined : begin + indent + col - 1;
  };
}

/** Character by character: each is itself or an escape sequence. */
function quotedOffsets(source: string, start: number, end: number): OffsetMap {
  const quoted = source.slice(start + 1, end - 1);
  if (quoted.includes("\n")) return () => undefined;
  const offsets: number[] = [];
  let at = 0;
  while (at < quoted.length) {
    offsets.push(start + 1 + at);
    at += quoted[at] === "\\" ? escapeLength(quoted[at + 1]) : 1;
  }
  offsets.push(start + 1 + at);
  return (position) => offsets[position];
}

function escapeLength(kind: string | undefined): number {
  if (kind === "x") return 4;
  if (kind === "u") return 6;
  return kind === "U" ? 10 : 2;
}
