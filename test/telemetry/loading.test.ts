import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { importsOf, isTest, sourcesIn } from "../check-imports.ts";

const root = join(import.meta.dirname, "..", "..");
const sources = ["services", "shared"].flatMap((folder) => sourcesIn(root, folder)).filter((file) =>
  !isTest(file)
);
const textOf = (file: string) => readFileSync(join(root, file), "utf8");

test("OpenTelemetry is loaded by one file, and that one only when it is asked for", () => {
  const importing = sources.filter((file) =>
    importsOf(textOf(file)).some((specifier) => specifier.startsWith("@opentelemetry/"))
  );
  expect(importing).toEqual(["shared/telemetry/otlp-tracing.ts"]);
  const above = sources.filter((file) => textOf(file).includes("otlp-tracing.ts"));
  expect(above).toEqual(["shared/telemetry/tracing.ts"]);
  expect(textOf("shared/telemetry/tracing.ts")).toContain('await import("./otlp-tracing.ts")');
  expect(textOf("shared/telemetry/tracing.ts")).not.toContain('from "./otlp-tracing.ts"');
});
