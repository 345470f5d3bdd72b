/** A proof that expires. Times are milliseconds of a monotonic clock. */
export interface Token {
  readonly text: string;
  readonly grantedMs: number;
  /** When a new one should be had, while this one is still good. */
  readonly renewMs: number;
  readonly expiresMs: number;
}

/**
 * A refused token that is younger isn't the reason, if the server doesn't say so; and if it does, a new one as young
 * would be refused as well.
 */
const youngMs = { otherwise: 60_000, saidSo: 500 };

/**
 * A token as a server granted it.
 * @param ttlSeconds how long it is good; servers say 0 or nothing for one that doesn't expire
 * @param random from 0 to 1: clients that logged in together don't do it together again
 */
export function grantedToken(text: string, ttlSeconds: number, nowMs: number, random: number): Token {
  if (!(ttlSeconds > 0)) return { text, grantedMs: nowMs, renewMs: Infinity, expiresMs: Infinity };
  const ttlMs = ttlSeconds * 1_000;
  // As Nacos' own client: a fifteenth to a tenth of the time before the end.
  const early = ttlMs / 15 + random * (ttlMs / 10 - ttlMs / 15);
  return { text, grantedMs: nowMs, renewMs: nowMs + ttlMs - early, expiresMs: nowMs + ttlMs };
}

/** What to do with a token that is to be used now. */
export function tokenUse(token: Token | undefined, nowMs: number): "use" | "use and renew" | "renew first" {
  if (token === undefined || nowMs >= token.expiresMs) return "renew first";
  return nowMs >= token.renewMs ? "use and renew" : "use";
}

/**
 * Whether another token may be accepted where this one was refused.
 * @param saidSo the server called the token expired or invalid, and didn't just refuse
 */
export function isWorthRenewing(token: Token, saidSo: boolean, nowMs: number): boolean {
  return nowMs - token.grantedMs >= (saidSo ? youngMs.saidSo : youngMs.otherwise);
}
