import { z } from "zod";
import { ConfigSchema } from "./schema.ts";

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
    },
  };
}

/** The text of `docs/config.schema.json`. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}
