import type { DubboService } from "./dubbo-host.ts";

/**
 * Slime's key of a service: `interface:group:version`, empty ends cut (`a.B`, `a.B:g`, `a.B::1.0`). In slime two
 * services can have one key; `exact` keeps them apart by writing colons of the parts as `%3A`.
 */
export function serviceKey({ interface: name, group, version }: DubboService, exact: boolean): string {
  const parts = [name, group, version];
  while (parts.length > 1 && parts.at(-1) === "") parts.pop();
  return (exact ? parts.map(escapeColons) : parts).join(":");
}

function escapeColons(text: string): string {
  return /[:%]/.test(text) ? text.replaceAll("%", "%25").replaceAll(":", "%3A") : text;
}
