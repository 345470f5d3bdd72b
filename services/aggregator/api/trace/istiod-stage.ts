import { errorText } from "../../../../shared/runtime/errors.ts";
import type { CachedResource } from "../../catalogue/cached-resource.ts";
import type { IstiodReader, StoredEntries } from "../../istiod/stored-entries.ts";
import { placed } from "./placed.ts";
import type { PlacedFinding } from "./placed.ts";

/** What the istiods whose debug API is known have of what is served. One that doesn't answer leaves the others as they are. */
export async function istiodFindings(
  served: readonly Pick<CachedResource, "name" | "version">[],
  istiods: Pick<IstiodReader, "addresses" | "entriesAt">,
): Promise<PlacedFinding[]> {
  if (served.length === 0) return [];
  const findings = await Promise.all(istiods.addresses.map(async (address) => {
    try {
      const entries = await istiods.entriesAt(address);
      return served.map((each) => findingOf(each, address, entries));
    } catch (error) {
      const text = `The istiod at ${address} doesn't say what it has: ${errorText(error)}.`;
      return [placed("istiod", "MR2704", null, text, { istiod: address })];
    }
  }));
  return findings.flat();
}

function findingOf(
  { name, version }: Pick<CachedResource, "name" | "version">,
  address: string,
  entries: StoredEntries,
): PlacedFinding {
  const has = entries.get(name);
  const details = { istiod: address, service: name, version, ...(has === undefined ? {} : { has }) };
  if (has === undefined) {
    return placed("istiod", "MR2703", null, `The istiod at ${address} doesn't have ${name}.`, details);
  }
  return has === version
    ? placed("istiod", "MR2701", null, `The istiod at ${address} has ${name}.`, details)
    : placed("istiod", "MR2702", null, `The istiod at ${address} has another version of ${name}.`, details);
}
