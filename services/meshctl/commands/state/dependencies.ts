import { Dependencies, DependencyDirection } from "../../../../shared/api/dependencies.ts";
import type { DependencyNode } from "../../../../shared/api/dependencies.ts";
import { MeshError } from "../../../../shared/runtime/errors.ts";
import { listOf } from "../../command-options.ts";
import { stateCommand } from "./state-command.ts";

/** `meshctl dependencies`: what breaks if something goes. */
export const dependenciesCommand = stateCommand({
  name: "dependencies",
  summary: "Say what breaks if an application or a service goes, or what it needs",
  usage: "meshctl dependencies [SERVICE] [--application NAME] [--direction WAY] [--hops N]",
  takes: 1,
  options: {
    application: { type: "string", value: "NAME", help: "An application, in place of a service" },
    direction: {
      type: "string",
      value: "WAY",
      help: "dependants (default): what breaks if it goes; dependencies: what it needs",
    },
    hops: { type: "string", value: "N", help: "How many calls are followed, 1 to 10; default 3" },
  },
  purpose:
    `Follows the calls between applications, as far as Sidecars that are generated for Dubbo's applications tell.
SERVICE is a Dubbo service's key (interface:group:version), a name, with or without its namespace, or a host.
Without a name the most called applications and services are listed.

A service has the hop of the application that provides it. PROVIDERS: 1 means that nothing else provides it.

Exit code: 0 if something was found, 3 if nothing depends on it (or it needs nothing), 1 if there is no such
service or application, or the aggregator can't be asked.`,
  async ask(api, line) {
    const [service] = line.positionals;
    const application = line.text("application");
    const direction = line.text("direction") ?? "dependants";
    if (service !== undefined && application !== undefined) {
      throw new MeshError("configuration", "dependencies: name a service or --application, not both");
    }
    if (!DependencyDirection.safeParse(direction).success) {
      throw new MeshError(
        "configuration",
        `--direction ${direction}: expected ${listOf(DependencyDirection.options)}`,
      );
    }
    const query = new URLSearchParams({ direction, limit: "5000" });
    const hops = line.text("hops");
    if (hops !== undefined) query.set("hops", hops);
    if (service !== undefined) query.set("service", service);
    if (application !== undefined) query.set("application", application);
    const data = await api.askApi(`/dependencies?${query.toString()}`, Dependencies);
    const { asked, nodes, left, callers } = data;
    const others = nodes.filter(({ id }) => id !== asked);
    return {
      data,
      titles: ["HOP", "KIND", "NAME", "PROVIDERS", "CALLED BY"],
      rows: others.map((node) => rowOf(node, asked !== null)),
      none: noneText(direction, callers),
      below: left === 0 ? "" : `and ${left} more\n`,
      exitCode: others.length === 0 ? 3 : 0,
    };
  },
});

function rowOf({ hop, kind, name, providers, consumers }: DependencyNode, isAsked: boolean): string[] {
  return [
    isAsked ? String(hop) : "",
    kind,
    name,
    kind === "service" ? String(providers) : "",
    String(consumers),
  ];
}

function noneText(direction: string, callers: number): string {
  if (callers === 0) {
    return "no calls are known: without generated Sidecars (enableDubboSidecar) no application says what it calls";
  }
  return direction === "dependants" ? "nothing is known to depend on it" : "it is known to need nothing";
}
