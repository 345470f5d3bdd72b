import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sourcesIn } from "../check-imports.ts";

const root = join(import.meta.dirname, "..", "..");
const sources = ["services", "shared", "test", "protos"].flatMap((folder) => sourcesIn(root, folder));
const documents = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];

/** Source files that a text names in backticks: from the root, or by the end of their path. */
function namedFiles(text: string): string[] {
  return [...text.matchAll(/`([\w./-]+\.ts)`/g)].map(([, path = ""]) => path)
    // In a file of the reader's own, or any file: no path of ours.
    .filter((path) => !path.startsWith("."));
}

/** Folders of ours that a text names from the root. */
function namedFolders(text: string): string[] {
  return [...text.matchAll(/`((?:services|shared|test|deploy|protos)\/[\w./-]*[\w/])`/g)]
    .map(([, path = ""]) => path)
    .filter((path) => !path.includes("consul"));
}

test.each(documents)("%s names source files and folders that exist", (document) => {
  const text = readFileSync(join(root, document), "utf8");
  for (const path of namedFiles(text)) {
    expect(sources.some((source) => `/${source}`.endsWith(`/${path}`)), path).toBe(true);
  }
  for (const path of namedFolders(text)) expect(existsSync(join(root, path)), path).toBe(true);
});
