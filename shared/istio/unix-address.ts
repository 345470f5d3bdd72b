import { quote } from "./violation.ts";

/** What an address of a unix domain socket begins with. */
export const unixPrefix = "unix://";

/** Why istiod rejects a `unix://…` address, or undefined. Wanted: an absolute path of a file, or `@name`. */
export function unixPathFault(address: string): string | undefined {
  const path = address.slice(unixPrefix.length);
  if (path.startsWith("@") || (path.startsWith("/") && !path.endsWith("/"))) return undefined;
  return `${quote(address)}: Istio wants unix:// followed by an absolute path of a file, or by @NAME`;
}
