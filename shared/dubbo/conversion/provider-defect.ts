import { instanceAddressFault } from "../../conversion/instance-address.ts";
import type { DubboUrl } from "./dubbo-url.ts";
import type { DubboRules } from "./dubbo-rules.ts";

/**
 * Why a provider can't be an endpoint, as the end of a sentence; undefined if it can. In the `slime` profile each can,
 * as in slime.
 */
export function providerDefect(
  { protocol, host, port }: DubboUrl,
  { profile, allowLoopback }: Pick<DubboRules, "profile" | "allowLoopback">,
): string | undefined {
  if (profile === "slime") return undefined;
  if (protocol === "consumer" || protocol === "override" || protocol === "absent") {
    return `has the protocol ${protocol}, which is no provider's`;
  }
  return port === 0 ? "has no port" : instanceAddressFault(host, allowLoopback);
}
