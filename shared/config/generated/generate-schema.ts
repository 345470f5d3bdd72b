/**
 * Writes what is made from the configuration's schema: `docs/config.schema.json` and the tables of
 * `docs/configuration.md`. Run it after every change of the schema: `node shared/config/generated/generate-schema.ts`.
 */
import { readFile, writeFile } from "node:fs/promises";
import { configJsonSchemaText } from "./json-schema.ts";
import { withReferenceTables } from "./reference-tables.ts";

const docs = new URL("../../../docs/", import.meta.url);
const page = new URL("configuration.md", docs);

await writeFile(new URL("config.schema.json", docs), configJsonSchemaText());
await writeFile(page, withReferenceTables(await readFile(page, "utf8")));
