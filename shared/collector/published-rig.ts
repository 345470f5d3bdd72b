import type { EntryLog } from "../entry-log/entry-log.ts";
import { Manifest } from "../model/manifest.ts";
import type { ServiceEntryManifest } from "../model/manifest.ts";
import { readJson } from "../model/read-json.ts";
import { allSubjects } from "../model/subject.ts";

/** Test code: what a log has of entries. */

/** All entries of a log, by name. */
export async function publishedEntries(entryLog: EntryLog): Promise<Map<string, ServiceEntryManifest>> {
  const found = new Map<string, ServiceEntryManifest>();
  for await (const { data } of entryLog.readBack(allSubjects, new AbortController().signal)) {
    const entry = entryOf(data);
    if (entry !== undefined) found.set(entry.metadata.name, entry);
  }
  return found;
}

/** The last parts of the addresses of all entries, by name: `{orders: "1 2"}`. */
export async function publishedAddresses(entryLog: EntryLog): Promise<Record<string, string>> {
  const entries = await publishedEntries(entryLog);
  return Object.fromEntries(Array.from(entries, ([name, entry]) => [name, addressesOf(entry)]));
}

/** The last parts of an entry's addresses. */
export function addressesOf({ spec }: ServiceEntryManifest): string {
  return (spec.endpoints ?? []).map(({ address = "" }) => address.split(".").at(-1)).join(" ");
}

/** The entry that a message holds; undefined for another resource. */
export function entryOf(data: Uint8Array): ServiceEntryManifest | undefined {
  const { data: manifest } = Manifest.safeParse(readJson(data));
  return manifest?.kind === "ServiceEntry" ? manifest : undefined;
}
