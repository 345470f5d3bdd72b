import { z } from "zod";
import { namedSection, sourceSections } from "../named-sources.ts";
import { ConfigSchema } from "../schema/schema.ts";

/** What Go takes for a duration; the exact rules are in `parseGoDuration`. */
const durationPattern = String.raw`^[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$`;

/** A JSON Schema (draft 2020-12) of our own configuration file, for editors. */
export function configJsonSchema(): z.core.JSONSchema.BaseSchema {
  const schema = z.toJSONSchema(ConfigSchema, {
    io: "input",
    override: ({ jsonSchema }) => {
      if (jsonSchema["durationText"] !== true) return;
      delete jsonSchema["durationText"];
      jsonSchema.pattern = durationPattern;
    },
  });
  const { $schema, ...rest } = schema;
  return {
    ...($schema === undefined ? {} : { $schema }),
    title: "meshregistry configuration",
    ...rest,
    properties: {
      $schema: { type: "string", description: "Where this schema is, for editors" },
      ...schema.properties,
      ...Object.fromEntries(sourceSections.map((section) => {
        const named = schema.properties?.[namedSection(section)];
        const each = { $ref: `#/properties/${section}` };
        return [
          namedSection(section),
          typeof named === "object" ? { ...named, additionalProperties: each } : each,
        ];
      })),
    },
  };
}

/** The text of `docs/config.schema.json`. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}
