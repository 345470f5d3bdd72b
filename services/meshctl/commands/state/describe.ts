import { ServiceDetail } from "../../../../shared/api/services.ts";
import { tableText } from "../../output/table.ts";
import { servicePath } from "./service-path.ts";
import { stateCommand } from "./state-command.ts";

/** `meshctl describe`: everything about one service. */
export const describeCommand = stateCommand({
  name: "describe",
  summary: "Show all about one service: endpoints, records of each source, who has it",
  usage: "meshctl describe [NAMESPACE/]NAME",
  takes: 1,
  purpose:
    `Shows a service as clients get it: hosts, ports, addresses, endpoints with the source of each, what each
source publishes, conflicts, and which client has which version. Without a namespace the name has to be
the only one.

Exit code: 0, or 1 if there is no such service or the aggregator can't be asked.`,
  async ask(api, line) {
    const path = await servicePath(api, line, "describe");
    const data = await api.askApi(path, ServiceDetail);
    return { data, titles: [], rows: [], none: "", text: textOf(data) };
  },
});

function textOf(service: ServiceDetail): string {
  const { name, hosts, addresses, addressesAreVirtual, ports, sources, flags, version, position } = service;
  const facts = [
    ["Name", name],
    ["Hosts", hosts.join(", ")],
    ["Addresses", `${addresses.join(", ") || "none"}${addressesAreVirtual ? " (virtual)" : ""}`],
    ["Ports", ports.map((port) => `${port.number} ${port.protocol} (${port.name})`).join(", ")],
    ["Resolution", `${service.resolution}, ${service.location}`],
    ["Sources", sources.join(", ")],
    ["Flags", flags.join(", ") || "none"],
    ["Version", `${version} at ${position}`],
  ];
  const parts = [facts.map(([key = "", value = ""]) => `${`${key}:`.padEnd(12)}${value}\n`).join("")];
  const table = (title: string, titles: readonly string[], rows: readonly (readonly string[])[]) => {
    if (rows.length > 0) parts.push(`${title}\n${tableText(titles, rows).replaceAll(/^(?=.)/gm, "  ")}`);
  };
  table(
    "Endpoints",
    ["ADDRESS", "PORTS", "SOURCE", "WEIGHT", "LOCALITY", "LABELS"],
    service.endpointList.map((each) => [
      each.address,
      [...new Set(Object.values(each.ports))].join(","),
      each.source,
      each.weight === null ? "" : String(each.weight),
      each.locality ?? "",
      Object.entries(each.labels).map(([key, value]) => `${key}=${value}`).join(","),
    ]),
  );
  table(
    "Records",
    ["SOURCE", "NAME", "ENDPOINTS", "IN DOUBT", "LEFT OUT", "CLIENTS GET"],
    service.records.map((each) => [
      each.source,
      each.name,
      String(each.endpoints),
      each.inDoubt ?? "",
      each.leftOut ?? "",
      each.rejection === null
        ? "it"
        : `${each.rejection.serving}: ${each.rejection.violations[0]?.message ?? ""}`,
    ]),
  );
  table(
    "Conflicts",
    ["HOST", "OUTCOME", "WHY"],
    service.conflicts.map(({ host, outcome, why }) => [host, outcome, why]),
  );
  table(
    "Clients",
    ["CLIENT", "HAS", "DETAIL"],
    service.holders.map(({ client, has, detail }) => [client, has, detail]),
  );
  return parts.join("\n");
}
