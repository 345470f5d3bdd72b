import { errorText } from "../../runtime/errors.ts";
import { NacosError } from "../nacos-error.ts";

/** A JSON object, of unknown content. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for a JSON object: no array, not null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The text, or the default if there is none. */
export function textOr<Default>(value: unknown, otherwise: Default): string | Default {
  return typeof value === "string" ? value : otherwise;
}

/** The boolean, also one that is written as a text, as older servers do. */
export function flagOr(value: unknown, otherwise: boolean): boolean {
  if (typeof value === "boolean") return value;
  return value === "true" ? true : value === "false" ? false : otherwise;
}

/** The whole number that is not negative, or undefined. */
export function countOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** @throws NacosError `protocol-violation`, with the beginning of what is none. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new NacosError("protocol-violation", `${what} is no JSON (${errorText(error)}): ${excerpt(text)}`);
  }
}

/** The beginning of a text, in one line, for messages. */
export function excerpt(text: string): string {
  const line = text.slice(0, 201).replaceAll(/\s+/g, " ").trim();
  return line.length <= 200 ? line : `${line.slice(0, 200)}…`;
}
