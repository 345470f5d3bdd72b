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

/** The text's labels without hyphens at their ends, cut to a length; without those of which nothing is left. */
function cleanLabels(text: string): string[] {
  return text.split(".").map((label) => trimHyphens(trimHyphens(label).slice(0, labelLength)))
    .filter((label) => label !== "");
}

function isSafe(name: string): boolean {
  return isFqdn(name) && name === name.toLowerCase() && !/(?:^|\.)[0-9]+\.?$/.test(name);
}

/**
 * A lower-case DNS host for any service name, by Istio's rules: dot-separated labels of at most 63 letters, digits
 * and `-`, at most 255 in all, the last label not a number.
 *
 * A name that is such a host already is its own answer. Any other name has what doesn't fit replaced by `-`, what is
 * too long cut, and `-x` with eight letters or digits of the original's SHA-256 appended, so that two names don't meet
 * in one host: `Order_Service` becomes `order-service-x…`. The answer depends on the name alone.
 */
export function safeHost(name: string): string {
  if (isSafe(name)) return name;
  const tail = suffix(name);
  const text = name.toLowerCase().replaceAll(/[^a-z0-9.-]+/g, "-");
  const labels = cleanLabels(cleanLabels(text).join(".").slice(0, hostLength - tail.length));
  const last = labels.pop() ?? "service";
  return [...labels, trimHyphens(last.slice(0, labelLength - tail.length)) + tail].join(".");
}
