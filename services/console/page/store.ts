import type { ServicePage, ServiceRow } from "../../../shared/api/services.ts";
import type { Overview } from "../../../shared/api/state.ts";
import { apiUrl, ask, headers, NoAnswer } from "./api.ts";
import { EventParser } from "../../../shared/api/event-parser.ts";
import { RateMeter } from "./rates.ts";
import type { ServerEvent } from "../../../shared/api/event-parser.ts";

/** How the connection is. */
export type Live = "connecting" | "live" | "offline";

/** What is known of the aggregator, kept up to date by its events. */
export interface Known {
  readonly services: Map<string, ServiceRow>;
  /** Grows with each change of the services. */
  servicesRevision: number;
  /** True once all pages of services have been read. */
  hasServices: boolean;
  overview: Overview | undefined;
  live: Live;
  needsToken: boolean;
  /** When a row changed last, in milliseconds of `performance.now()`. */
  readonly changedAt: Map<string, number>;
  readonly rates: RateMeter;
  /** Grows with each event. */
  revision: number;
}

export const known: Known = {
  services: new Map(),
  servicesRevision: 0,
  hasServices: false,
  overview: undefined,
  live: "connecting",
  needsToken: false,
  changedAt: new Map(),
  rates: new RateMeter(),
  revision: 0,
};

const listeners = new Set<() => void>();
let isDue = false;

/** Calls back after each change, once for each frame. */
export function onChange(listener: () => void): void {
  listeners.add(listener);
}

/** Says that the page is to be drawn anew. */
export function changed(): void {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    if (isDue) drawNow();
  });
}

/** Draws what is due. A key calls it first: the browser may be late, and keys mean what the URL and the fields say. */
export function drawNow(): void {
  isDue = false;
  for (const listener of listeners) listener();
}

let lastId: string | undefined;
let follow = new AbortController();

/** Follows the aggregator for as long as the page is there. */
export async function followEvents(): Promise<void> {
  for (let waitMs = 500;;) {
    follow = new AbortController();
    try {
      await readEvents(follow.signal, () => waitMs = 500);
    } catch (error) {
      if (error instanceof NoAnswer && error.status === 401) {
        known.needsToken = true;
        changed();
        return;
      }
    }
    known.live = "offline";
    changed();
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(10_000, waitMs * 2);
  }
}

async function readEvents(signal: AbortSignal, onBegin: () => void): Promise<void> {
  const response = await fetch(apiUrl("/events"), {
    headers: headers(lastId === undefined ? {} : { "last-event-id": lastId }),
    signal,
    cache: "no-store",
  });
  if (response.status !== 200 || response.body === null) throw new NoAnswer(response.status, "no events");
  known.live = "live";
  known.needsToken = false;
  changed();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    onBegin();
    for (const event of parser.push(next.value)) take(event);
  }
}

function take({ event, id, data }: ServerEvent): void {
  if (id !== undefined) lastId = id;
  known.revision++;
  switch (event) {
    case "hello":
    case "reset":
      void readServices();
      break;
    case "services":
      takeChanges(JSON.parse(data));
      break;
    case "overview":
      takeOverview(JSON.parse(data));
      break;
  }
  changed();
}

function takeOverview(overview: Overview): void {
  known.overview = overview;
  known.rates.push(overview.totals, performance.now());
}

function takeChanges(
  { rows, gone }: { readonly rows: readonly ServiceRow[]; readonly gone: readonly string[] },
): void {
  const now = performance.now();
  known.servicesRevision++;
  for (const row of rows) {
    known.services.set(row.name, row);
    known.changedAt.set(row.name, now);
  }
  for (const name of gone) known.services.delete(name);
  for (const [name, at] of known.changedAt) if (at < now - 5_000) known.changedAt.delete(name);
}

let reading = 0;

/** Reads all services, page by page. Changes that come meanwhile are newer than what a page says. */
async function readServices(): Promise<void> {
  const turn = ++reading;
  const begun = performance.now();
  const seen = new Set<string>();
  try {
    for (let cursor: string | null = ""; cursor !== null;) {
      const page: ServicePage = await ask(`/services?limit=1000${cursor === "" ? "" : `&cursor=${cursor}`}`);
      if (turn !== reading) return;
      for (const row of page.services) {
        seen.add(row.name);
        if ((known.changedAt.get(row.name) ?? 0) < begun) known.services.set(row.name, row);
      }
      known.servicesRevision++;
      cursor = page.next;
      changed();
    }
    for (const name of known.services.keys()) {
      if (!seen.has(name) && (known.changedAt.get(name) ?? 0) < begun) known.services.delete(name);
    }
    known.servicesRevision++;
    known.hasServices = true;
    changed();
  } catch {
    // The events end with the same cause, and begin anew.
    follow.abort();
    lastId = undefined;
  }
}
