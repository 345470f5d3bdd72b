import type { z } from "zod";
import { configJsonSchema } from "./json-schema.ts";

/** The tables of all keys in `docs/configuration.md`, made from the schema so that they can't fall behind it. */

type Schema = z.core.JSONSchema.BaseSchema;

/** The sources in the order of the common table's columns. */
const sources = ["eurekaSource", "nacosSource", "zookeeperSource", "k8sSource"] as const;

/** The line before and the line after the tables in the page. */
export const tablesStart = "<!-- Made by shared/config/generated/generate-schema.ts: -->";
export const tablesEnd = "<!-- End of what is made. -->";

/** The page with its tables renewed. Throws a `RangeError` if the marks are not in it. */
export function withReferenceTables(page: string): string {
  const start = page.indexOf(tablesStart);
  const end = page.indexOf(tablesEnd);
  if (start === -1 || end < start) throw new RangeError(`the page lacks ${tablesStart} … ${tablesEnd}`);
  return `${page.slice(0, start)}${tablesStart}\n\n${referenceTables()}\n\n${page.slice(end)}`;
}

function referenceTables(): string {
  const root = propertiesOf(configJsonSchema());
  const isSection = (schema: Schema) => schema.properties !== undefined && schema.default !== undefined;
  const named = Object.entries(root).filter(([key]) => !key.startsWith("$"));
  const top = named.filter(([, schema]) => !isSection(schema));
  const sections = named.filter(([key, schema]) =>
    isSection(schema) && !sources.some((each) => each === key)
  );
  const common = commonKeys(root);
  return [
    `### Top level\n\n${table(keyHeader, top.flatMap(([key, schema]) => keyRows(key, schema)))}`,
    ...sections.map(([key, schema]) => heading(key, schema) + table(keyHeader, childRows(key, schema))),
    `### Keys of every source\n\nDefaults by source.\n\n${commonTable(root, common)}`,
    ...sources.map((source) => {
      const schema = root[source] ?? {};
      const rest = Object.entries(propertiesOf(schema)).filter(([key]) => !common.includes(key));
      const rows = rest.flatMap(([key, each]) => keyRows(`${source}.${key}`, each));
      return heading(source, schema) + table(keyHeader, rows);
    }),
  ].join("\n\n");
}

function heading(key: string, schema: Schema): string {
  return `### ${key}\n\n${schema.description ?? ""}.\n\n`;
}

function propertiesOf(schema: Schema): Record<string, Schema> {
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).flatMap(([key, each]) =>
      typeof each === "object" ? [[key, each]] : []
    ),
  );
}

function commonKeys(root: Record<string, Schema>): string[] {
  const [first = [], ...others] = sources.map((source) => Object.keys(propertiesOf(root[source] ?? {})));
  return first.filter((key) => others.every((keys) => keys.includes(key)));
}

function commonTable(root: Record<string, Schema>, keys: readonly string[]): string {
  const ofSource = sources.map((source) => propertiesOf(root[source] ?? {}));
  const rows = keys.flatMap((key) => {
    const schema = ofSource[0]?.[key] ?? {};
    const defaults = ofSource.map((properties) => defaultText(properties[key] ?? {}));
    const below = nestedRows(key, schema).map(([path = "", type = "", value = "", meaning = ""]) => {
      return [path, type, ...sources.map(() => value), meaning];
    });
    return [[code(key), typeText(schema), ...defaults, schema.description ?? ""], ...below];
  });
  return table(["key", "type", "eureka", "nacos", "zookeeper", "k8s", "meaning"], rows);
}

const keyHeader = ["key", "type", "default", "meaning"];

function keyRows(path: string, schema: Schema): string[][] {
  const own = [code(path), typeText(schema), defaultText(schema), schema.description ?? ""];
  return [own, ...nestedRows(path, schema)];
}

function childRows(path: string, schema: Schema): string[][] {
  return Object.entries(propertiesOf(schema)).flatMap(([key, each]) => keyRows(`${path}.${key}`, each));
}

/** Rows of the keys of an object, of a list's items or of a map's values. */
function nestedRows(path: string, schema: Schema): string[][] {
  if (schema.properties !== undefined) return childRows(path, schema);
  if (isSchema(schema.items)) return nestedRows(`${path}[]`, schema.items);
  return isSchema(schema.additionalProperties) ? nestedRows(`${path}.*`, schema.additionalProperties) : [];
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function typeText(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(" or ");
  if (schema.pattern !== undefined) return "duration";
  if (schema.type === "string") return "text";
  if (schema.type === "boolean") return "switch";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (isSchema(schema.items)) return `list of ${plural(typeText(schema.items))}`;
  return isSchema(schema.additionalProperties)
    ? `map to ${plural(typeText(schema.additionalProperties))}`
    : "object";
}

function plural(type: string): string {
  return type === "object" ? "objects" : type;
}

function defaultText(schema: Schema): string {
  const value: unknown = schema.default;
  return value === undefined ? "–" : code(JSON.stringify(value).replaceAll('","', '", "'));
}

function code(text: string): string {
  return `\`${text}\``;
}

/** A table with columns of even width, as the formatter wants it. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = header.map((_, column) => Math.max(3, ...cells.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width)).join(" | ")} |`;
  const [first = [], ...rest] = cells;
  return [line(first), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rest.map(line)].join(
    "\n",
  );
}
