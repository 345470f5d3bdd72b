import { mask, maskAddress, maskUserInfo, mayHoldPassword } from "../runtime/mask.ts";
import type { Config } from "./schema/schema.ts";

/** Keys whose text is secret, compared without case because slime's files spell keys in any case. */
const secretKeys: ReadonlySet<string> = new Set([
  "password",
  "token",
  "operatortoken",
  "nkeyseed",
  "secretkey",
  "securitytoken",
]);

/** Keys whose text is an address: what stands before an `@` in it is a user name or a token even without a colon. */
const addressKeys: ReadonlySet<string> = new Set([
  "address",
  "apiserverurl",
  "apiserverurlfordeploy",
  "httpserveraddr",
  "servers",
  "serverurl",
]);

function isSecret(key: string | undefined): boolean {
  return key !== undefined && secretKeys.has(key.toLowerCase());
}

/** The text of a key without its secrets. */
function maskedText(text: string, key: string | undefined): string {
  if (isSecret(key)) return text === "" ? "" : mask;
  if (key !== undefined && addressKeys.has(key.toLowerCase())) return maskAddress(text);
  // An e-mail address in an annotation is no secret.
  return mayHoldPassword(text) || !text.includes("@") ? maskUserInfo(text) : text;
}

/**
 * A copy of a configuration without its secrets: passwords, tokens, NKey seeds and the user information of URLs are
 * `***`. Whatever is logged or answered over HTTP goes through this.
 */
export function maskSecrets(config: Config): Config {
  return masked(config, undefined);
}

/** Keeps the shape: texts become texts. */
function masked<Value>(value: Value, key: string | undefined): Value;
function masked(value: unknown, key: string | undefined): unknown {
  if (typeof value === "string") return maskedText(value, key);
  if (Array.isArray(value)) return value.map((item: unknown) => masked(item, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, masked(item, name)]));
}

/** How long a value may be in a message. */
const longest = 60;

/** A value as error messages show it, with its type; secrets masked, long text cut. `path` says whose value it is. */
export function describeValue(value: unknown, path: readonly (string | number)[]): string {
  const key = path.findLast((step) => typeof step === "string");
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "an object";
  if (isSecret(key)) return `${mask} (a ${typeof value})`;
  if (typeof value !== "string") return `${JSON.stringify(value)} (a ${typeof value})`;
  const text = JSON.stringify(maskedText(value, key));
  return `${text.length > longest ? `${text.slice(0, longest)}…"` : text} (a string)`;
}
