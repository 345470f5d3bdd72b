/** Texts of refusals that aren't about rights: the server doesn't know who asks. */
const unknownAsker =
  /unknown user|user (?:\S+ )?not found|token (?:expired|invalid|parse)|password|anonymous/i;

/** True if a server that refuses says that it doesn't know who asks, and not that they may not. */
export function isAboutAsker(text: string): boolean {
  return unknownAsker.test(text);
}
