import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const pages = [
  "README.md",
  ...readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];

/** Commands that begin with curl, in code blocks, in code spans and in the program's own texts. */
const command = /(?<![\w-])curl [^`\n]*/g;

test.each(pages)("%s: every curl line can be pasted", (page) => {
  const text = readFileSync(join(root, page), "utf8");
  for (const [line] of text.matchAll(command)) {
    expect.soft(line, page).toMatch(/https?:\/\/[\w.$<>{}[\]-]+/);
    // A shell takes ? and & for its own.
    const [url = ""] = /https?:\/\/\S+/.exec(line) ?? [];
    if (/[?&*]/.test(url)) expect.soft(line, page).toMatch(/['"]https?:\/\/[^'"]+['"]/);
  }
});
