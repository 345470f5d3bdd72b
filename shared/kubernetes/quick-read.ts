/**
 * Reads fields of objects whose kind comes by the thousand, without the cost of a schema: most of what arrives are pods of
 * which nothing that matters has changed. `undefined` says that something is other than expected: a schema then says what.
 */

/** A member that is an object; `{}` where there is none. */
export function objectIn(
  json: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, unknown>> | undefined {
  const value = json[name];
  if (value === undefined || value === null) return {};
  return isObject(value) ? value : undefined;
}

/** A member that is a text; `""` where there is none. */
export function textIn(json: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = json[name] ?? "";
  return typeof value === "string" ? value : undefined;
}

/** A member that is a map of texts, such as labels; `{}` where there is none. */
export function textsIn(
  json: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, string>> | undefined {
  const value = json[name];
  if (value === undefined || value === null) return {};
  return isTexts(value) ? value : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  if (!isObject(value)) return false;
  for (const key in value) if (typeof value[key] !== "string") return false;
  return true;
}
