import { recordFilter } from "../../../shared/collector/trace/found-record.ts";
import type { FoundRecord } from "../../../shared/collector/trace/found-record.ts";
import type { ApplicationRegistry } from "../../../shared/dubbo/applications/application-registry.ts";
import type { DubboUrl } from "../../../shared/dubbo/conversion/dubbo-url.ts";
import { parseDubboUrl } from "../../../shared/dubbo/conversion/parse-dubbo-url.ts";
import { nodePath } from "../../../shared/dubbo/conversion/registry-records.ts";
import { instanceIn } from "../../../shared/model/trace-question.ts";
import type { TraceQuestion } from "../../../shared/model/trace-question.ts";
import type { RegistryTree } from "./registry-tree.ts";
import { interfaceUnit } from "./service-catalogue.ts";

/** Where providers are looked for. */
export interface ProviderPlaces {
  readonly root: string;
  readonly tree: RegistryTree;
  readonly applications: ApplicationRegistry;
}

/**
 * The providers that fit a question. A node's name is parsed only if it holds the text: the names of a large registry are
 * tens of megabytes.
 */
export function* findProviders(
  question: TraceQuestion,
  limit: number,
  { root, tree, applications }: ProviderPlaces,
): Iterable<FoundRecord> {
  const { by, text } = question;
  const fits = recordFilter(question);
  const part = by === "instance" ? instanceIn(text).address : by === "application" ? text : "";
  const names = new Set([...tree.interfaces, ...applications.interfaces]);
  let left = limit;
  for (const name of names) {
    const unit = interfaceUnit(name);
    const isNamed = part === "" && fits({ address: "", port: 0, names: [name], application: "" });
    if (part === "" && !isNamed) continue;
    const before = left;
    for (const raw of tree.childrenOf(name).providers) {
      if (part !== "" && !raw.includes(part)) continue;
      const url = parseDubboUrl(raw);
      if (typeof url !== "string" && !(isNamed || fits(traitsOf(url, name)))) continue;
      const { host = "", port = 0 } = typeof url === "string" ? {} : url;
      yield {
        unit,
        path: nodePath(root, name, "providers", raw),
        address: host,
        port,
        state: typeof url === "string" ? url : stateOf(url),
      };
      if (--left === 0) return;
    }
    for (const url of applications.providersOf(name)) {
      if (!isNamed && !fits(traitsOf(url, name))) continue;
      const { host, port } = url;
      const path = `${traitsOf(url, name).application}/${host}:${port} (${name})`;
      yield { unit, path, address: host, port, state: stateOf(url) };
      if (--left === 0) return;
    }
    if (isNamed && left === before) {
      yield { unit, path: `${root}/${name}`, address: "", port: 0, state: "no providers" };
    }
  }
}

function traitsOf({ host, port, parameters }: DubboUrl, name: string) {
  return { address: host, port, names: [name], application: parameters["application"] ?? "" };
}

/** What of a provider's URL decides whether it is used. */
function stateOf({ protocol, parameters }: DubboUrl): string {
  const told = ["group", "version", "enabled", "disabled", "application"].flatMap((key) => {
    const value = parameters[key];
    return value === undefined || value === "" ? [] : [`${key}=${value}`];
  });
  return [protocol, ...told].join(" ");
}
