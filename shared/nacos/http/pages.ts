import { PartialListError } from "../list-follower.ts";
import type { ServiceName } from "../nacos.ts";
import { serviceKey } from "../wire/service-key.ts";

/** One page of a list, and how long the whole list is. */
export interface Page {
  readonly total: number;
  readonly services: readonly ServiceName[];
}

/** Reads a page, counted from 1. */
export type ReadPage = (page: number, size: number) => Promise<Page>;

/** What every version allows. */
const smallPage = 500;

/** How often a list that changes under the reader's eyes is read, at most. */
const mostPasses = 5;

/**
 * Reads a list of services. Nacos' pages are in no order, and the list may change between two of them: then a service
 * that was there all the time is on neither. So the whole is asked for as one page; versions that don't give more than
 * 500 are read until two passes found the same.
 * @throws PartialListError, with what there is, if no two passes did
 */
export async function readPages(read: ReadPage): Promise<readonly ServiceName[]> {
  const first = await read(1, smallPage);
  if (isWhole(first)) return unique(first.services);
  const whole = await read(1, first.total + smallPage);
  if (isWhole(whole)) return unique(whole.services);

  const found = new Map<string, ServiceName>();
  let before: ReadonlyMap<string, ServiceName> = new Map();
  for (let pass = 0; pass < mostPasses; pass++) {
    const { services, isSteady } = await readPass(read);
    for (const [key, service] of services) found.set(key, service);
    if (isSteady && services.size === before.size && [...services.keys()].every((key) => before.has(key))) {
      return [...services.values()];
    }
    before = isSteady ? services : new Map();
  }
  const text = `the list of ${first.total} services changes faster than its pages can be read`;
  throw new PartialListError(text, [...found.values()]);
}

function isWhole({ total, services }: Page): boolean {
  return unique(services).length >= total;
}

function unique(services: readonly ServiceName[]): readonly ServiceName[] {
  return [...new Map(services.map((service) => [serviceKey(service), service])).values()];
}

/** All pages once. It is steady if as many different services were seen as every page counted. */
async function readPass(
  read: ReadPage,
): Promise<{ readonly services: ReadonlyMap<string, ServiceName>; readonly isSteady: boolean }> {
  const found = new Map<string, ServiceName>();
  const totals = new Set<number>();
  for (let page = 1;; page++) {
    const { total, services } = await read(page, smallPage);
    totals.add(total);
    for (const service of services) found.set(serviceKey(service), service);
    if (services.length === 0 || page * smallPage >= total) break;
  }
  return { services: found, isSteady: totals.size === 1 && totals.has(found.size) };
}
