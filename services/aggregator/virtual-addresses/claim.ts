import { isIP } from "node:net";
import { z } from "zod";

/**
 * A host's claim to an address, as it stands in the bucket: the key is the address, the value this, in JSON. Hosts are
 * in lower case, times in RFC 3339.
 */
export const Claim = z.object({
  host: z.string().min(1),
  /** When the host was given the address. Of several claims of one host, the oldest counts. */
  claimedAt: z.iso.datetime(),
  /** When the host was found to be gone. The address stays reserved for a while, should it come back. */
  releasedAt: z.iso.datetime().optional(),
});
export type Claim = z.infer<typeof Claim>;

/** The subject of an address below the bucket's root. A key can't hold colons, so an IPv6 address has hyphens. */
export function claimSubject(root: string, address: string): string {
  return `${root}.${address.replaceAll(":", "-")}`;
}

/** The address of a subject, or undefined if it names none. */
export function claimedAddress(root: string, subject: string): string | undefined {
  if (!subject.startsWith(`${root}.`)) return undefined;
  const key = subject.slice(root.length + 1).replaceAll("-", ":");
  return isIP(key) === 0 ? undefined : key;
}

/** The claim in a message; undefined for what isn't one (such as the empty value that `nats kv del` leaves). */
export function readClaim(data: Uint8Array): Claim | undefined {
  try {
    return Claim.safeParse(JSON.parse(Buffer.from(data).toString("utf8"))).data;
  } catch {
    return undefined;
  }
}

/** The value to store. */
export function writeClaim(claim: Claim): Uint8Array {
  return Buffer.from(JSON.stringify(claim));
}
