import { errorText } from "./errors.ts";

/**
 * What JSON's parser says of a text, and where: it tells line and column or shows the place, except at the end of the
 * text, which is added here.
 */
export function jsonFault(text: string, error: unknown): string {
  const message = errorText(error);
  if (!message.includes("end of JSON")) return message;
  const lines = text.trimEnd().split("\n");
  return `${message} (line ${lines.length} column ${(lines.at(-1) ?? "").length + 1})`;
}
