import { createHash } from "node:crypto";
import { isFqdn } from "./names.ts";

const labelLength = 63;
const hostLength = 255;
const base32 = "abcdefghijklmnopqrstuvwxyz234567";

/** 40 bits of SHA-256 in base 32. UTF-16, so that texts that aren't well-formed stay apart as well. */
function suffix(name: string): string {
  const digest = createHash("sha256").update(name, "utf16le").digest();
  let text = "-x";
  for (const byte of digest.subarray(0, 8)) text += base32.charAt(byte % base32.length);
  return text;
}

function trimHyphens(label: string): string {
  let start = 0;
  let end = label.length;
  while (start < end && label.charAt(start) === "-") start++;
  while (end > start && label.charAt(end - 1) === "-") end--;
  return label.slice(start, end);
}

/** A label without hyphens at its ends, cut to a length; empty if nothing is left of it. */
function cleanLabel(label: string, longest: number): string {
  return trimHyphens(trimHyphens(label).slice(0, longest));
}

const lastIsNumber = /(?:^|\.)[0-9]+$/;

function isSafe(name: string): boolean {
  return isFqdn(name) && name === name.toLowerCase() && !name.endsWith(".") && !lastIsNumber.test(name);
}

/**
 * A lower-case DNS host for any service name, by Istio's rules: dot-separated labels of at most 63 letters, digits
 * and `-`, at most `longest` in all, the last label not a number.
 *
 * A name that is such a host already is its own answer. Any other name has what doesn't fit replaced by `-`, what is
 * too long cut, and `-x` with eight letters or digits of the original's SHA-256 appended to its first label, so that
 * two names don't meet in one host, and a host stays in its domain: `Order_Service.shop` becomes
 * `order-service-x….shop`. The answer depends on the name alone.
 */
export function safeHost(name: string, longest = hostLength): string {
  if (name.length <= longest && isSafe(name)) return name;
  const tail = suffix(name);
  const text = name.toLowerCase().replaceAll(/[^a-z0-9.-]+/g, "-");
  const [first = "", ...others] = text.split(".");
  const host = [(cleanLabel(first, labelLength - tail.length) || "service") + tail];
  let room = longest - host.join("").length;
  for (const part of others) {
    const label = cleanLabel(part, labelLength);
    if (label === "") continue;
    room -= label.length + 1;
    if (room < 0) break;
    host.push(label);
  }
  const [last = ""] = host.slice(-1);
  // A number at the end would be one of an IP address; the hash tells the name from one that has the letter already.
  if (lastIsNumber.test(last)) host.splice(-1, 1, `n${last}`.slice(0, labelLength));
  return host.join(".").slice(0, longest);
}
