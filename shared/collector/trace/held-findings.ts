import type { Finding } from "../../api/trace.ts";
import type { Manifest } from "../../model/manifest.ts";
import { decodeSubject } from "../../model/subject.ts";
import { readManifest } from "../published-entry.ts";
import type { SourceParts } from "../source-parts.ts";

/** Maximum number of held losses that are named: each one is converted for its answer. */
const maxNamed = 500;

/** Maximum number of endpoints of a loss that are named. */
const maxEndpoints = 5;

/**
 * What the guard of a source holds back here, and what would be left of each resource without the guard. `details` have
 * `subject`, `heldMs`, `endpoints` (how many are published), `left` (how many the registry shows) and `going` (some of
 * those that it doesn't, as `address:port` with commas between them).
 */
export function heldFindings(
  { view, publisher, state, vet }: Pick<SourceParts, "view" | "publisher" | "state" | "vet">,
): Finding[] {
  const findings: Finding[] = [];
  for (const [subject, heldMs] of publisher.held()) {
    if (findings.length === maxNamed) break;
    const entry = state.entries.get(subject);
    if (entry === undefined) continue;
    const published = endpointsOf(readManifest(entry.data));
    const shown = new Set(
      entry.unit === undefined
        ? []
        : vet(entry.unit, view.convert(entry.unit)).filter((made) => isNamed(made, subject)).flatMap(
          endpointsOf,
        ),
    );
    const going = published.filter((endpoint) => !shown.has(endpoint));
    findings.push({
      stage: "publishing",
      code: "MR1602",
      text: `The guard has held a loss of this entry back for ${Math.round(heldMs / 1000)} s.`,
      details: {
        subject,
        heldMs: String(Math.round(heldMs)),
        endpoints: String(published.length),
        left: String(shown.size),
        going: going.slice(0, maxEndpoints).join(","),
      },
    });
  }
  return findings;
}

function isNamed({ kind, metadata }: Manifest, subject: string): boolean {
  const id = decodeSubject(subject);
  return id?.kind === kind && id.namespace === metadata.namespace && id.name === metadata.name;
}

/** As `mergeHeld` does, tells instances apart by their address and first port. */
function endpointsOf(manifest: Manifest | undefined): string[] {
  if (manifest?.kind !== "ServiceEntry") return [];
  return (manifest.spec.endpoints ?? []).map(({ address = "", ports = {} }) =>
    [address.includes(":") ? `[${address}]` : address, ...Object.values(ports).slice(0, 1)].join(":")
  );
}
