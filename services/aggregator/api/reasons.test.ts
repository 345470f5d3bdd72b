import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { reasonHelp } from "../../../shared/api/reason-help.ts";
import { reasonLink, reasons } from "../../../shared/api/reasons.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const document = readFileSync(join(root, "docs", "reasons.md"), "utf8");

/** Code, title and text of each paragraph. */
const paragraphs = document.split(/^### /m).slice(1).map((part) => {
  const [heading = "", ...lines] = part.split("\n");
  const [code = "", title = ""] = heading.split(": ");
  return { code, title, text: lines.join("\n").split(/^## /m)[0]?.trim() ?? "" };
});

test("docs/reasons.md has a paragraph on every code, under its title, and on no other", () => {
  expect(paragraphs.map(({ code, title }) => `${code}: ${title}`)).toEqual(
    Object.entries(reasons).map(([code, { title }]) => `${code}: ${title}`),
  );
  for (const { code, text } of paragraphs) expect(text.length, code).toBeGreaterThan(20);
});

test("answers and console have the same words", () => {
  const plain = (text: string) => text.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").split(/\s+/).join(" ");
  expect(reasonHelp).toEqual(Object.fromEntries(paragraphs.map(({ code, text }) => [code, plain(text)])));
});

test("a link leads to its heading", () => {
  expect(reasonLink("MR1203")).toBe(
    "docs/reasons.md#mr1203-the-record-is-left-out-by-selection-or-filters",
  );
});
/** All sources that may use a code. */
function sourceText(): string {
  const files = ["services", "shared"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !path.includes("node_modules") && !path.endsWith("reasons.ts"))
  );
  return files.map((path) => readFileSync(path, "utf8")).join("\n");
}

test("every code is used", () => {
  const text = sourceText();
  expect(Object.keys(reasons).filter((code) => !text.includes(`"${code}"`))).toEqual([]);
});
