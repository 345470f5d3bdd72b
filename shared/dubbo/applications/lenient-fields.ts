import { z } from "zod";

/**
 * Fields of JSON as the Java readers of Dubbo and Curator take them (Jackson): a number and a truth value may be written
 * as text.
 */

function numberOf(given: unknown): unknown {
  return typeof given === "string" && /^\s*-?[0-9]{0,16}\s*$/.test(given) ? Number(given) : given;
}

/** A port; 0 for none, which may also be written as a negative number or as an empty text. */
export const lenientPort = z.preprocess(
  numberOf,
  z.int().max(65_535).transform((number) => Math.max(number, 0)),
);

/** A number. */
export const lenientNumber = z.preprocess(numberOf, z.number());

/** A switch. */
export const lenientFlag = z.preprocess(
  (given) => given === "true" || given === "false" ? given === "true" : given,
  z.boolean(),
);
