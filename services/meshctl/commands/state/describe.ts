import { ServiceDetail, ServicePage } from "../../../../shared/api/services.ts";
import { MeshError } from "../../../../shared/runtime/errors.ts";
import type { DebugApi } from "../../clients/debug-api.ts";
import { NotAnswered } from "../../clients/debug-api.ts";
import { tableText } from "../../output/table.ts";
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
    const [wanted] = line.positionals;
    if (wanted === undefined) {
      throw new MeshError("configuration", "name a service; see meshctl describe --help");
    }
    const [namespace = "", name = ""] = (await fullName(api, wanted)).split("/");
    const path = `/services/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
    const data = await api.askApi(path, ServiceDetail);
    return { data, titles: [], rows: [], none: "", text: textOf(data) };
  },
});

async function fullName(api: DebugApi, wanted: string): Promise<string> {
  if (wanted.includes("/")) return wanted;
  const { services } = await api.askApi(`/services?limit=1000&q=${encodeURIComponent(wanted)}`, ServicePage);
  const exact = services.filter(({ name, hosts }) =>
    name.slice(name.indexOf("/") + 1) === wanted || hosts.includes(wanted.toLowerCase())
  );
  const [only, ...others] = exact;
  if (only !== undefined && others.length === 0) return only.name;
  throw new NotAnswered(
    only === undefined
      ? `no service ${wanted} is served; meshctl trace ${wanted} says why`
      : `${wanted} is the name of ${exact.map(({ name }) => name).join(" and ")}: name one of them`,
  );
}

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
