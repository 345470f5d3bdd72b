import type { Config } from "./schema.ts";

/** What stands in the place of a secret. */
export const mask = "***";

/** Keys whose text is secret, compared without case because slime's files spell keys in any case. */
const secretKeys: ReadonlySet<string> = new Set(["password", "token", "nkeyseed"]);

function isSecret(key: string | number | undefined): boolean {
  return typeof key === "string" && secretKeys.has(key.toLowerCase());
}

/** Replaces the user information of every URL in a text: `http://user:pass@host` becomes `http://***@host`. */
export function maskUserInfo(text: string): string {
  // Up to the last @ before the path: a password may hold an @ that nobody encoded.
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, `$1${mask}@`);
}

function masked(value: unknown, key: string | undefined): unknown {
  if (typeof value === "string") return isSecret(key) && value !== "" ? mask : maskUserInfo(value);
  if (Array.isArray(value)) return value.map((item) => masked(item, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, masked(item, name)]));
}

/**
 * A copy of a configuration without its secrets: passwords, tokens, NKey seeds and the user information of URLs are
 * `***`. Whatever is logged or answered over HTTP goes through this.
 */
export function maskSecrets(config: Config): Config {
  return masked(config, undefined) as Config;
}

/** How long a value may be in a message. */
const longest = 60;

/** A value as error messages show it, with its type; secrets masked, long text cut. `path` says whose value it is. */
export function describeValue(value: unknown, path: readonly (string | number)[]): string {
  const last = path.findLast((step) => typeof step === "string");
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "an object";
  if (isSecret(last)) return `${mask} (a ${typeof value})`;
  if (typeof value !== "string") return `${JSON.stringify(value)} (a ${typeof value})`;
  const text = JSON.stringify(maskUserInfo(value));
  return `${text.length > longest ? `${text.slice(0, longest)}…"` : text} (a string)`;
}
