import type { z } from "zod";
import { ActionList } from "../../../../shared/api/actions.ts";
import { ServiceFlag, ServicePage } from "../../../../shared/api/services.ts";
import type { ServiceRow } from "../../../../shared/api/services.ts";
import { RejectionList } from "../../../../shared/api/state.ts";
import { MeshError } from "../../../../shared/runtime/errors.ts";
import type { CommandLine } from "../../../../shared/runtime/command-line.ts";
import type { DebugApi } from "../../clients/debug-api.ts";
import { listOf } from "../../command-options.ts";
import type { Findings } from "./state-command.ts";
import { stateCommand } from "./state-command.ts";

const filters = ["ip", "host", "application", "label", "registry", "source", "namespace", "flag"] as const;
/** What can be listed. */
export const listedKinds = ["services", "rejections", "actions"] as const;

/** `meshctl get`: lists of the API. */
export const getCommand = stateCommand({
  name: "get",
  summary: "List what clients get: get services, rejections, actions",
  canWatch: true,
  usage: "meshctl get services|rejections|actions [TEXT] [FILTERS]",
  takes: 2,
  options: {
    ip: { type: "string", value: "ADDRESS", help: "Services with an endpoint at this address" },
    host: { type: "string", value: "TEXT", help: "Part of a host" },
    application: { type: "string", value: "NAME", help: "Name, or label application or app" },
    label: { type: "string", value: "KEY[=VALUE]", help: "A label of the service or of an endpoint" },
    registry: { type: "string", value: "NAME", help: "Only of this registry" },
    source: { type: "string", value: "REGISTRY[/NAME]", help: "Only of this source" },
    namespace: { type: "string", value: "NAME", help: "Only in this namespace" },
    flag: { type: "string", value: "FLAG", help: listOf(ServiceFlag.options) },
  },
  purpose:
    `Lists the services that clients get, the messages that aren't served as they are, with the rules that
they break, or who released or retired what in the last month. TEXT is part of a name or host, or a whole address or value of a label.

Other lists: meshctl sources, clients, conflicts, held.

Exit code: 0 if there is one, 3 if there is none, 1 if the aggregator can't be asked.`,
  async ask(api, line) {
    const [kind = "", text] = line.positionals;
    if (kind === "services" || kind === "service") return await services(api, line, text);
    if (kind === "rejections") return await rejections(api, text);
    if (kind === "actions") return await actions(api, text);
    throw new MeshError("configuration", `get ${kind}: expected ${listOf(listedKinds)}`);
  },
});

async function services(api: DebugApi, line: CommandLine, text: string | undefined): Promise<Findings> {
  const query = new URLSearchParams({ limit: "1000" });
  if (text !== undefined) query.set("q", text);
  for (const name of filters) {
    const value = line.text(name);
    if (value !== undefined) query.set(name, value);
  }
  const data: ServiceRow[] = [];
  for (let next: string | null = ""; next !== null;) {
    if (next !== "") query.set("cursor", next);
    const page: z.infer<typeof ServicePage> = await api.askApi(`/services?${query.toString()}`, ServicePage);
    data.push(...page.services);
    ({ next } = page);
  }
  return {
    data,
    titles: ["NAME", "HOST", "SOURCE", "ENDPOINTS", "FLAGS"],
    rows: data.map(({ name, hosts, sources, endpoints, flags }) => [
      name,
      hosts.length > 1 ? `${hosts[0]} +${hosts.length - 1}` : hosts[0] ?? "",
      sources.join(","),
      String(endpoints),
      flags.join(","),
    ]),
    none: "no service fits; meshctl trace says why something is missing",
    exitCode: data.length === 0 ? 3 : 0,
  };
}

async function rejections(api: DebugApi, text: string | undefined): Promise<Findings> {
  const all = (await api.askApi("/rejections", RejectionList)).rejections;
  const data = text === undefined ? all : all.filter(({ name }) => name.includes(text));
  return {
    data,
    titles: ["NAME", "SOURCE", "CLIENTS GET", "RULE", "WHY"],
    rows: data.flatMap(({ name, source, serving, violations }) =>
      violations.map(({ rule, message }) => [name, source, serving, rule, message])
    ),
    none: "all messages are served as they are",
    exitCode: data.length === 0 ? 3 : 0,
  };
}

async function actions(api: DebugApi, text: string | undefined): Promise<Findings> {
  const all = (await api.askApi("/actions", ActionList)).actions;
  const data = text === undefined ? all : all.filter(({ by, source }) => `${by} ${source}`.includes(text));
  return {
    data,
    titles: ["AT", "BY", "ACTION", "SOURCE", "DETAIL"],
    rows: data.map(({ at, by, action, source, detail }) => [at, by, action, source, detail]),
    none: "nobody has released or retired anything in the last month",
    exitCode: data.length === 0 ? 3 : 0,
  };
}
