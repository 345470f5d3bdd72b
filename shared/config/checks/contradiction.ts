import type { KeyPath } from "../config-issue.ts";
import { unexpected } from "../config-issue.ts";

/** Something that single values don't show: keys that don't go together, or a value that can't work. */
export interface Contradiction {
  /** Our path of the key. */
  readonly path: KeyPath;
  readonly message: string;
  /**
   * `always`: an error in every file. `own`: an error in our own file, a warning in slime's, where it used to run.
   * `never`: a warning in every file.
   */
  readonly error: "always" | "own" | "never";
}

/** An error in every file. */
export function always(path: KeyPath, message: string): Contradiction {
  return { path, message, error: "always" };
}

/** An error in our own file, a warning in slime's. */
export function own(path: KeyPath, message: string): Contradiction {
  return { path, message, error: "own" };
}

/** A warning in every file. */
export function hint(path: KeyPath, message: string): Contradiction {
  return { path, message, error: "never" };
}

/** A text that isn't what it has to be, with its secrets masked, and what to do about it. */
export function unexpectedText(path: KeyPath, text: string, expected: string, remedy = ""): string {
  return `${unexpected(expected, text, path)}${remedy === "" ? "" : `; ${remedy}`}`;
}
