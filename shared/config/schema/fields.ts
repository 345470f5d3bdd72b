import { z } from "zod";
import { parseGoDuration } from "./duration.ts";

/**
 * The kinds of value that configuration keys have. Every key has a default, so that any part of a file may be left
 * out: defaults are given as they are written in a file (`"15s"`).
 */

const durationExpectation = 'a duration as Go writes it, in quotes and with a unit, such as "15s" or "1m30s"';

const DurationText = z.string({ error: durationExpectation }).transform((text, context): number => {
  try {
    return parseGoDuration(text);
  } catch (error) {
    // The reason quotes the text, which may be anything.
    const reason = error instanceof Error && !text.includes("@") ? ` (${error.message})` : "";
    context.issues.push({ code: "custom", message: `${durationExpectation}${reason}`, input: text });
    return z.NEVER;
  }
}).meta({ durationText: true });

/** A duration: Go's text in the file, milliseconds in the typed configuration. */
export function duration(fallback: string) {
  return DurationText.prefault(fallback);
}

/** A piece of text, empty by default. */
export function text(fallback = "") {
  return z.string().default(fallback);
}

/** A switch. */
export function flag(fallback = false) {
  return z.boolean().default(fallback);
}

/** A whole number; zod's own message would speak of a number only. */
export function wholeNumber() {
  return z.int({ error: ({ code }) => code === "invalid_type" ? "a whole number" : undefined });
}

/** Go's uint32. */
export function uint32(fallback = 0) {
  return wholeNumber().min(0).max(4_294_967_295).default(fallback);
}

/** Go's int, as far as a number of JSON holds it. */
export function integer(fallback = 0) {
  return wholeNumber().default(fallback);
}

/** A list of text; a list in the file replaces the default as a whole. */
export function texts(fallback: readonly string[] = []) {
  return z.array(z.string()).default([...fallback]);
}

/** A map of text to text. */
export function textMap() {
  return z.record(z.string(), z.string()).default({});
}

/** An object whose every key has a default, so that it may be left out as a whole. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape);
}
