import { protocolWord } from "../../conversion/port-protocol.ts";
import { isWildcardHost } from "../../istio/mod.ts";
import type { KeyPath } from "../config-issue.ts";
import { unexpected } from "../config-issue.ts";
import type { Config } from "../schema/schema.ts";
import { always, own } from "./contradiction.ts";
import type { Contradiction } from "./contradiction.ts";

type NacosSource = Config["nacosSource"];

/** What is wrong with Nacos' own keys. A disabled source isn't looked at. */
export function checkNacos(source: NacosSource): Contradiction[] {
  if (!source.enabled) return [];
  return [
    ...checkNaming(source),
    ...checkAliases(source),
    ...checkPortMetaKeys(source),
    ...checkDubbo(source),
  ];
}

const instanceParts: ReadonlySet<string> = new Set(["service", "ip", "port", "group", "namespace"]);

/** A wrong item made slime panic at its first poll. */
function checkNaming(source: NacosSource): Contradiction[] {
  return (source.serviceNaming?.items ?? []).flatMap(({ kind, value }, index) => {
    const path = ["nacosSource", "serviceNaming", "items", index] as const;
    if (kind !== "$" && kind !== "meta" && kind !== "static") {
      return [always([...path, "kind"], unexpected('"$", "meta" or "static"', kind, path))];
    }
    if (kind !== "$" || instanceParts.has(value)) return [];
    const expected = '"service", "group", "namespace", "ip" or "port" for kind "$"';
    return [always([...path, "value"], unexpected(expected, value, path))];
  });
}

/** An alias that Istio refuses would cost the whole entry. */
function checkAliases(source: NacosSource): Contradiction[] {
  return source.serviceHostAliases.flatMap(({ aliases }, index) =>
    aliases.entries().flatMap(([at, alias]) => {
      if (isWildcardHost(alias)) return [];
      const path: KeyPath = ["nacosSource", "serviceHostAliases", index, "aliases", at];
      return [own(path, unexpected("a host", alias, path))];
    }).toArray()
  );
}

function checkPortMetaKeys(source: NacosSource): Contradiction[] {
  return source.portMetaKeys.flatMap(({ key, protocol }, index) => {
    const path = ["nacosSource", "portMetaKeys", index] as const;
    if (key === "") return [always([...path, "key"], "expected a metadata key, found nothing")];
    if (protocolWord(protocol) !== undefined) return [];
    return [always([...path, "protocol"], unexpected("a protocol that Istio knows", protocol, path))];
  });
}

function checkDubbo({ dubbo }: NacosSource): Contradiction[] {
  if (!dubbo.enabled || dubbo.instancePortAsSvcPort || dubbo.svcPort !== 0) return [];
  const message = "expected a port above 0 because instancePortAsSvcPort is off, found 0; set one of the two";
  return [always(["nacosSource", "dubbo", "svcPort"], message)];
}
