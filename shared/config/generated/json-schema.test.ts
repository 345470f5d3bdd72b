import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { configJsonSchemaText } from "./json-schema.ts";
import { withReferenceTables } from "./reference-tables.ts";

const docs = new URL("../../../docs/", import.meta.url);

describe("what is made from the schema (renew it with `node shared/config/generated/generate-schema.ts`)", () => {
  it("docs/config.schema.json is up to date", async () => {
    expect(await readFile(new URL("config.schema.json", docs), "utf8")).toBe(configJsonSchemaText());
  });

  it("the tables of docs/configuration.md are up to date", async () => {
    const page = await readFile(new URL("configuration.md", docs), "utf8");
    expect(withReferenceTables(page)).toBe(page);
  });
});
