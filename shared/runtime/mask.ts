/** What stands in the place of a secret. */
export const mask = "***";

const scheme = /^\s*[a-z][a-z0-9+.-]*:\/\//i;

/** Query parameters whose values are secret: `?username=a&password=b`, as Dubbo writes registries. */
const secretParameter =
  /([?&;][\w.-]*(?:password|passwd|pwd|secret|token|api-?key|credential)[\w.-]*=)[^&#;\s"]+/gi;

/**
 * Hides the user information of an address: `http://user:pass@host` becomes `http://***@host`, and so does everything
 * else up to the last `@`. The text isn't parsed, because an address that can't be parsed is the one that an error
 * message quotes: `http://user:pa#ss@host`, `user:pa/ss@host` without a scheme, several addresses in one text. Too much
 * is hidden rather than too little. Values of query parameters such as `password=` are hidden, too.
 */
export function maskUserInfo(text: string): string {
  const at = text.lastIndexOf("@");
  const start = scheme.exec(text)?.[0] ?? "";
  const hidden = at === -1 ? text : `${at < start.length ? "" : start}${mask}${text.slice(at)}`;
  return hidden.replaceAll(secretParameter, `$1${mask}`);
}

/**
 * As {@link maskUserInfo}, for a text that is meant to be an address. What stands in the place of the port and is none is
 * the beginning of a password whose rest was lost, say behind a ` #` of YAML: `http://user:pa`.
 */
export function maskAddress(text: string): string {
  const masked = maskUserInfo(text);
  if (text.includes("@") || /^[0-9a-f:.[\]%]+$/i.test(text)) return masked;
  return masked.replace(
    /^(\s*(?:[a-z][a-z0-9+.-]*:\/\/)?(?:\[[^\]]*\]|[^[:/?#,]*)):(?!\/\/|\d{1,5}(?:[/?#,\s]|$)).+$/is,
    `$1:${mask}`,
  );
}

/**
 * Hides the user information of each URL within a text: what a person gave in place of a file or a name is quoted in
 * messages, also by the platform.
 */
export function maskUrls(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s'"`]*@/gi, `$1${mask}@`);
}

/** True for a text that may hold a password before an `@`, whatever it stands for. */
export function mayHoldPassword(text: string): boolean {
  return text.lastIndexOf("@") > text.indexOf(":") && text.includes(":");
}
