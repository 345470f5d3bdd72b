import { z } from "zod";
import type { KeyPath } from "../config-issue.ts";

/** A schema without its default or optional wrapper: what a value that is there must look like. */
export function withoutDefault(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return withoutDefault(schema.unwrap());
  }
  return schema;
}

/** True for values that JSON calls an object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The keys of an object schema, or undefined if the schema isn't one. */
export function keysOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> | undefined {
  const inner = withoutDefault(schema);
  return inner instanceof z.ZodObject ? inner.shape : undefined;
}

/** What a list or a map holds, or undefined if the schema is neither. */
export function elementOf(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  const inner = withoutDefault(schema);
  if (inner instanceof z.ZodArray) return inner.element;
  return inner instanceof z.ZodRecord ? inner.valueType : undefined;
}

/** True if the schema is a list. */
export function isList(schema: z.core.$ZodType): boolean {
  return withoutDefault(schema) instanceof z.ZodArray;
}

/** True if the schema is a duration: text in the file, milliseconds in the typed configuration. */
export function isDuration(schema: z.core.$ZodType): boolean {
  const inner = withoutDefault(schema);
  return inner instanceof z.ZodPipe && inner.meta()?.["durationText"] === true;
}

/** The value at a path of data; undefined if there is none. */
export function valueAt(data: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (value, key) => typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined,
    data,
  );
}
