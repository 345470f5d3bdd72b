import { setImmediate as nextTurn } from "node:timers/promises";
import { z } from "zod";
import { ServiceFlag } from "../../../shared/api/services.ts";
import type { ServicePage } from "../../../shared/api/services.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";
import type { ApiOptions } from "./api-options.ts";
import { hostsOf, membersOf, rowOf, specOf } from "./service-rows.ts";

/** So long a search keeps the event loop at a time, in milliseconds. */
const turnMs = 5;

const text = () => z.string().min(1).max(253).optional();

/** What is asked of the list of services. Several filters have to fit all. */
export const ServiceQuery = z.object({
  q: text().meta({ description: "part of a name or host, or exactly an address or the value of a label" }),
  host: text().meta({ description: "part of a host" }),
  ip: text().meta({ description: "address of an endpoint, or of the service; a port after it is ignored" }),
  application: text().meta({
    description:
      "name of the service, or value of the label application or app of the service or an endpoint",
  }),
  label: text().meta({ description: "key=value, a label of the service or of an endpoint" }),
  registry: text(),
  source: text().meta({ description: "<registry>, or <registry>/<source>" }),
  namespace: text(),
  flag: ServiceFlag.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().max(1000).optional().meta({ description: "next of the page before" }),
});
export type ServiceQuery = z.output<typeof ServiceQuery>;

type SearchOptions = Pick<ApiOptions, "cache" | "ingest">;

/** Names of the served entries in order, until something changes. */
const orders = new WeakMap<ResourceCache, { readonly head: number; readonly names: readonly string[] }>();

/** All served services by name, in order. */
function namesIn(cache: ResourceCache): readonly string[] {
  const head = cache.head("ServiceEntry");
  let order = orders.get(cache);
  if (order?.head !== head) {
    const names = Array.from(cache.snapshot("ServiceEntry").resources, ({ name }) => name).sort();
    orders.set(cache, order = { head, names });
  }
  return order.names;
}

/** One page of the services that fit. Looks at no more of them than the page needs, and lets others have their turn. */
export async function searchServices(query: ServiceQuery, options: SearchOptions): Promise<ServicePage> {
  const { cache } = options;
  const names = namesIn(cache);
  const after = query.cursor === undefined ? undefined : Buffer.from(query.cursor, "base64url").toString();
  const fits = filterOf(query, options);
  const services: ServicePage["services"] = [];
  let endMs = performance.now() + turnMs;
  for (let index = after === undefined ? 0 : firstAfter(names, after); index < names.length; index++) {
    if (performance.now() >= endMs) {
      await nextTurn();
      endMs = performance.now() + turnMs;
    }
    const resource = cache.get("ServiceEntry", names[index] ?? "");
    if (resource === undefined || !fits(resource)) continue;
    if (services.length === query.limit) {
      const next = Buffer.from(services.at(-1)?.name ?? "").toString("base64url");
      return { services, next, served: names.length };
    }
    services.push(rowOf(resource, options));
  }
  return { services, next: null, served: names.length };
}

/** Every served entry that fits, for questions that have few answers. */
export async function findServices(
  query: Partial<ServiceQuery>,
  limit: number,
  options: SearchOptions,
): Promise<readonly CachedResource[]> {
  const { services } = await searchServices({ ...query, limit }, options);
  return services.flatMap(({ name }) => options.cache.get("ServiceEntry", name) ?? []);
}

/** The first index whose name comes after the text. */
function firstAfter(names: readonly string[], after: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((names[middle] ?? "") > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

type Filter = (resource: CachedResource) => boolean;

function filterOf(query: ServiceQuery, options: SearchOptions): Filter {
  const filters: Filter[] = [];
  const { registry, source, namespace, flag, host, ip, application, label, q } = query;
  const anyMember = (resource: CachedResource, fits: Filter) => membersOf(resource, options).some(fits);
  if (registry !== undefined) {
    filters.push((each) => anyMember(each, (member) => member.registry === registry));
  }
  if (source !== undefined) {
    filters.push((each) => anyMember(each, (member) => sourceKey(member.registry, member.source) === source));
  }
  if (namespace !== undefined) filters.push(({ name }) => name.startsWith(`${namespace}/`));
  if (flag !== undefined) filters.push((each) => rowOf(each, options).flags.includes(flag));
  if (host !== undefined) {
    const part = host.toLowerCase();
    filters.push((each) => hostsOf(each).some((name) => name.includes(part)));
  }
  if (ip !== undefined) filters.push(withAddress(addressIn(ip)));
  if (application !== undefined) filters.push(ofApplication(application));
  if (label !== undefined) filters.push(withLabel(label));
  if (q !== undefined) filters.push(withText(q));
  return (resource) => filters.every((fits) => fits(resource));
}

/** The address in `address`, `address:port` or `[address]:port`. */
export function addressIn(instance: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(instance)?.[1];
  if (bracketed !== undefined) return bracketed.toLowerCase();
  const parts = instance.split(":");
  return parts.length === 2 ? parts[0] ?? "" : instance.toLowerCase();
}

/** True if the encoded entry holds the text: a look that costs microseconds, before one that decodes. */
function mayHold({ framed }: CachedResource, bytes: Buffer): boolean {
  return Buffer.from(framed.buffer, framed.byteOffset, framed.byteLength).includes(bytes);
}

function withAddress(address: string): Filter {
  const bytes = Buffer.from(address);
  return (resource) => {
    if (!mayHold(resource, bytes)) return false;
    const { addresses = [], endpoints = [] } = specOf(resource);
    return addresses.includes(address) || endpoints.some((endpoint) => endpoint.address === address);
  };
}

/** Entries of an application: by their name, or by a label of theirs or of an endpoint. */
export function ofApplication(application: string): (resource: CachedResource) => boolean {
  const bytes = Buffer.from(application);
  return (resource) => {
    if (resource.name.slice(resource.name.indexOf("/") + 1) === application) return true;
    if (!mayHold(resource, bytes)) return false;
    return labelsOf(resource).some((labels) =>
      labels["application"] === application || labels["app"] === application
    );
  };
}

function withLabel(label: string): Filter {
  const equals = label.indexOf("=");
  const [key, value] = equals === -1 ? [label, undefined] : [label.slice(0, equals), label.slice(equals + 1)];
  const bytes = Buffer.from(key);
  return (resource) =>
    mayHold(resource, bytes) &&
    labelsOf(resource).some((labels) =>
      value === undefined ? Object.hasOwn(labels, key) : labels[key] === value
    );
}

/** Names and hosts in part; addresses and values of labels as a whole, as a person pastes them. */
function withText(q: string): Filter {
  const part = q.toLowerCase();
  const address = addressIn(q);
  const hasAddress = withAddress(address);
  const bytes = Buffer.from(q);
  return (resource) =>
    resource.name.toLowerCase().includes(part) || hostsOf(resource).some((host) => host.includes(part)) ||
    hasAddress(resource) ||
    (mayHold(resource, bytes) && labelsOf(resource).some((labels) => Object.values(labels).includes(q)));
}

/** The labels of an entry, and of each of its endpoints. */
function labelsOf(resource: CachedResource): readonly Readonly<Record<string, string>>[] {
  const { labels } = decodeResource("ServiceEntry", resource.framed);
  const endpoints = specOf(resource).endpoints ?? [];
  return [labels, ...endpoints.map((endpoint) => endpoint.labels ?? {})];
}
