import { maskUserInfo } from "../runtime/mask.ts";
import { describeValue } from "./secrets.ts";

/** A place in a text, both numbers from 1. `document` is the file, or `file#binaryData.cfg` for a text packed in it. */
export interface Place {
  readonly document: string;
  readonly line: number;
  readonly column: number;
}

/** Something that is wrong with a configuration, or a warning about it. Secrets are masked already. */
export interface ConfigIssue {
  /** The key as it is written in the file, dotted: `general.LEGACY.EurekaSource.RefreshPeriod`; "" for the whole. */
  readonly path: string;
  /** What is wrong and what to do about it. */
  readonly message: string;
  /** Where, as far as known. Keys that are missing are placed at what they are missing from. */
  readonly place?: Place;
}

/** The steps from the top of a document to a key: names, and indexes of lists. */
export type KeyPath = readonly (string | number)[];

/** The message about a value that isn't what it has to be. */
export function unexpected(expected: string, found: unknown, key: KeyPath): string {
  return `expected ${expected}, found ${describeValue(found, key)}`;
}

/**
 * A path as people write it: `eurekaSource.servers[0].address`; names that aren't plain are quoted in brackets. A URL
 * that slipped into the place of a key keeps its secrets.
 */
export function pathText(path: KeyPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[\w$-]+$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(maskUserInfo(step))}]`;
  }
  return text;
}

/** One line for an issue: `file:line:column: path: message`. */
export function formatIssue(issue: ConfigIssue): string {
  const { place } = issue;
  const where = place === undefined ? "" : `${place.document}:${place.line}:${place.column}: `;
  return where + (issue.path === "" ? issue.message : `${issue.path}: ${issue.message}`);
}
