import type { DubboUrl } from "./dubbo-url.ts";
import { loadConfig } from "../../config/mod.ts";
import type { Profile } from "../../config/mod.ts";
import type { WorkloadEntry } from "../../model/manifest.ts";
import { convertInterface } from "./convert-interface.ts";
import type { ConvertedService } from "./convert-interface.ts";
import { parseDubboUrl } from "./parse-dubbo-url.ts";
import type { InterfaceRecord, InvalidRecord } from "./registry-records.ts";
import { zookeeperRules } from "./dubbo-rules.ts";
import type { DubboRules } from "./dubbo-rules.ts";

/** Test code: interfaces made of readable URLs, and what they become. */

/** A text as Java's URLEncoder writes it. */
export function formEncoded(text: string): string {
  return encodeURIComponent(text)
    .replaceAll(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}

/** Rules of a source with everything by default but what is given. */
export function rulesOf(
  profile: Profile,
  source: object = {},
  env: Readonly<Record<string, string>> = {},
): DubboRules {
  const config = { profile, zookeeperSource: { enabled: true, address: ["localhost:2181"], ...source } };
  const loaded = loadConfig(JSON.stringify(config), { env, fileName: "test" });
  return zookeeperRules(loaded.config.zookeeperSource, profile, loaded.environment);
}

/** Names of nodes, readable: they are encoded here. */
export interface ReadableRecord {
  readonly name?: string;
  readonly providers?: readonly string[];
  readonly consumers?: readonly string[];
  readonly configurators?: readonly string[];
  readonly applicationProviders?: readonly string[];
}

/** Brings an interface into the form of the registry; it is called `a.B` unless said otherwise. */
export function recordOf(readable: ReadableRecord): InterfaceRecord {
  const { name = "a.B", providers = [], consumers = [], configurators = [], applicationProviders = [] } =
    readable;
  return {
    name,
    providers: providers.map(formEncoded),
    consumers: consumers.map(formEncoded),
    configurators: configurators.map(formEncoded),
    applicationProviders: applicationProviders.map(urlOf),
  };
}

function urlOf(text: string): DubboUrl {
  const url = parseDubboUrl(formEncoded(text));
  if (typeof url === "string") throw new TypeError(`${text}: ${url}`);
  return url;
}

/** What an interface becomes, and what was reported. */
export function converted(
  readable: ReadableRecord,
  rules: DubboRules,
): { services: readonly ConvertedService[]; reported: InvalidRecord[] } {
  const reported: InvalidRecord[] = [];
  const { services } = convertInterface(recordOf(readable), rules, (record) => reported.push(record));
  return { services, reported };
}

/** The endpoints of an interface with a single service. */
export function endpointsOf(readable: ReadableRecord, rules: DubboRules): WorkloadEntry[] {
  return converted(readable, rules).services[0]?.manifest.spec.endpoints ?? [];
}

/** A provider of `a.B` at `host:port`; `query` begins with `&`. */
export function provider(host: string, query = "", protocol = "dubbo"): string {
  return `${protocol}://${host}/a.B?application=app&interface=a.B&side=provider${query}`;
}

/** A consumer of `a.B`. */
export function consumer(application: string, query = ""): string {
  return `consumer://10.1.0.1/a.B?application=${application}&interface=a.B&side=consumer${query}`;
}

/** Addresses of endpoints by key of the service. */
export function addresses(
  readable: ReadableRecord,
  rules: DubboRules,
): Record<string, (string | undefined)[]> {
  return Object.fromEntries(
    converted(readable, rules).services.map(({ key, manifest }) => [
      key,
      (manifest.spec.endpoints ?? []).map(({ address }) => address),
    ]),
  );
}
