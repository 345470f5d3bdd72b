import { reasons } from "../../../shared/api/reasons.ts";
import type { ReasonCode } from "../../../shared/api/reasons.ts";
import type { Notice, Overview } from "../../../shared/api/state.ts";
import { programVersion } from "../../../shared/runtime/version.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import { behindOf, isRefusing } from "../xds/client-standing.ts";
import type { ApiOptions } from "./api-options.ts";

/** The installation at a glance, and what a person should look at. */
export function overviewAnswer(options: ApiOptions): Overview {
  const { cache, gate, ingest, entryLog, overview, totals } = options;
  const { connected, detail } = entryLog.status();
  const { resources, endpoints } = cache.count("ServiceEntry");
  const clients = [...options.clients()];
  const nowMs = performance.now();
  const behindMs = clients.flatMap((client) => behindOf(client, (kind) => cache.head(kind), nowMs)?.ms ?? []);
  const figures = {
    clients: clients.length + [...options.polls?.() ?? []].length,
    clientsBehind: behindMs.length,
    clientsRefusing: clients.filter(isRefusing).length,
    held: heldIn(options),
    rejected: ingest.rejections.size,
    conflicts: Object.values(cache.conflicts.counts).reduce((sum, count) => sum + count, 0),
  };
  return {
    version: programVersion(),
    open: gate.open,
    entryLog: { connected, detail, read: gate.caughtUp },
    servedStateOf: ingest.servedStateOf ?? null,
    position: cache.position("ServiceEntry"),
    services: resources,
    endpoints,
    sources: overview.names.length,
    ...figures,
    furthestBehindMs: behindMs.length === 0 ? null : Math.max(...behindMs),
    totals: {
      ...totals,
      acknowledgedMs: Math.round(totals.acknowledgedMs),
      changes: cache.head("ServiceEntry") + cache.head("Sidecar"),
    },
    notices: noticesOf(options, figures),
  };
}

/** Resources that aggregator and collectors hold. */
function heldIn({ overview, ingest, collectors }: ApiOptions): number {
  let held = 0;
  for (const name of overview.names) {
    for (const { why } of ingest.doubtsOf(name).values()) if (why === "held") held++;
    for (const { status, lease } of collectors.of(name)) if (status === "live") held += lease.held;
  }
  return held;
}

function notice(code: ReasonCode, text: string, command: string): Notice {
  return { severity: reasons[code].verdict === "problem" ? "problem" : "warning", code, text, command };
}

function noticesOf(
  options: ApiOptions,
  figures: Pick<Overview, "clients" | "clientsRefusing" | "held" | "rejected">,
): Notice[] {
  const { cache, gate, ingest, entryLog, overview } = options;
  const notices: Notice[] = [];
  const { connected, detail, warnings = [] } = entryLog.status();
  if (!connected) {
    notices.push(notice("MR3001", `The entry log can't be reached: ${detail}`, "meshctl doctor"));
  }
  for (const each of warnings) notices.push(notice("MR3005", `The entry log: ${each}`, "meshctl doctor"));
  if (!gate.open) {
    notices.push(notice("MR3002", "Clients aren't served: sources are waited for", "meshctl sources"));
  }
  if (ingest.servedStateOf !== undefined) {
    notices.push(
      notice("MR3003", `The state of ${ingest.servedStateOf} is served, from disk`, "meshctl doctor"),
    );
  }
  if (figures.clientsRefusing > 0) {
    const text = `${figures.clientsRefusing} of ${figures.clients} clients refuse resources`;
    notices.push(notice("MR2602", text, "meshctl clients"));
  }
  if (figures.held > 0) {
    notices.push(
      notice(
        "MR2203",
        figures.held === 1 ? "1 loss is held back" : `${figures.held} losses are held back`,
        "meshctl held",
      ),
    );
  }
  for (const name of overview.names) {
    const remark = overview.remarkOn(name);
    if (remark === undefined || remark.includes("are held since")) continue;
    const key = sourceKey(name.registry, name.source);
    notices.push(notice("MR3004", remark.includes(key) ? remark : `${key}: ${remark}`, "meshctl sources"));
  }
  if (figures.rejected > 0) {
    const text = figures.rejected === 1
      ? "1 message of the stream isn't served as it is"
      : `${figures.rejected} messages of the stream aren't served as they are`;
    notices.push(notice("MR2102", text, "meshctl get rejections"));
  }
  const { unmergeable } = cache.conflicts.counts;
  if (unmergeable > 0) {
    const text = unmergeable === 1
      ? "1 host stands in several sources and can't be merged"
      : `${unmergeable} hosts stand in several sources and can't be merged`;
    notices.push(notice("MR2303", text, "meshctl conflicts"));
  }
  if (figures.clients === 0) {
    notices.push(notice("MR2501", "No istiod is connected", "meshctl config-sources"));
  }
  return notices.sort((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"));
}
