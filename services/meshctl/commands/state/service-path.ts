import { ServicePage } from "../../../../shared/api/services.ts";
import type { CommandLine } from "../../../../shared/runtime/command-line.ts";
import { MeshError } from "../../../../shared/runtime/errors.ts";
import type { DebugApi } from "../../clients/debug-api.ts";
import { NotAnswered } from "../../clients/debug-api.ts";

/** So many services are named to who gave a part of a name. */
const maxNamed = 5;

/**
 * The path of the service that a command line names, below `/api/v1`. Without a namespace its name has to be the only
 * one.
 * @throws MeshError `configuration` if none is named; NotAnswered if none fits, or several do
 */
export async function servicePath(api: DebugApi, line: CommandLine, command: string): Promise<string> {
  const [wanted] = line.positionals;
  if (wanted === undefined) {
    throw new MeshError("configuration", `name a service; see meshctl ${command} --help`);
  }
  const [namespace = "", name = ""] = (await fullName(api, wanted)).split("/");
  return `/services/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
}

async function fullName(api: DebugApi, wanted: string): Promise<string> {
  if (wanted.includes("/")) return wanted;
  const { services } = await api.askApi(`/services?limit=1000&q=${encodeURIComponent(wanted)}`, ServicePage);
  const exact = services.filter(({ name, hosts }) =>
    name.slice(name.indexOf("/") + 1) === wanted || hosts.includes(wanted.toLowerCase())
  );
  const [only, ...others] = exact;
  if (only !== undefined && others.length === 0) return only.name;
  if (only === undefined && services.length > 0) {
    const some = services.slice(0, maxNamed).map(({ name }) => name).join(", ");
    throw new NotAnswered(`no service is called ${wanted}; some have it in their name or host: ${some}`);
  }
  throw new NotAnswered(
    only === undefined
      ? `no service ${wanted} is served; meshctl trace ${wanted} says why`
      : `${wanted} is the name of ${exact.map(({ name }) => name).join(" and ")}: name one of them`,
  );
}
