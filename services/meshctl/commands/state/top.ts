import { z } from "zod";
import { EventParser } from "../../../../shared/api/event-parser.ts";
import { ServiceRow } from "../../../../shared/api/services.ts";
import { Overview } from "../../../../shared/api/state.ts";
import { MeshError } from "../../../../shared/runtime/errors.ts";
import { stateCommand } from "./state-command.ts";

/** What an event about services says. */
const ServicesEvent = z.looseObject({ rows: z.array(ServiceRow), gone: z.array(z.string()) });

/** A service that has changed, and how often. */
interface Busy {
  readonly name: string;
  sources: string;
  endpoints: number | undefined;
  changes: number;
}

/** Number of services that are listed. */
const listed = 20;

/** `meshctl top`: which services change the most. */
export const topCommand = stateCommand({
  name: "top",
  summary: "Show which services change the most, and how many changes there are",
  usage: "meshctl top [--for SECONDS]",
  canWatch: true,
  options: {
    for: { type: "string", value: "SECONDS", help: "How long changes are counted, 1 to 600; default 10" },
  },
  purpose:
    `Counts the changes that the aggregator tells of and lists the ${listed} services that changed the most. Changes
that come within a quarter of a second count once.

Exit code: 0 if something changed, 3 if nothing did, 1 if the aggregator can't be asked.`,
  async ask(api, line) {
    const seconds = Number(line.text("for") ?? 10);
    if (!(seconds >= 1 && seconds <= 600)) {
      throw new MeshError(
        "configuration",
        `--for ${line.text("for") ?? ""}: expected a number of seconds, 1 to 600`,
      );
    }
    const { services, endpoints, clients, clientsBehind } = await api.askApi("/overview", Overview);
    const busy = new Map<string, Busy>();
    let changes = 0;
    const parser = new EventParser();
    for await (const text of api.events(seconds * 1_000)) {
      for (const { event, data } of parser.push(text)) {
        if (event !== "services") continue;
        const { rows, gone } = ServicesEvent.parse(JSON.parse(data));
        for (const { name, sources, endpoints: count } of rows) note(busy, name, sources.join(","), count);
        for (const name of gone) note(busy, name, undefined, undefined);
        changes += rows.length + gone.length;
      }
    }
    const most = [...busy.values()].sort((a, b) => b.changes - a.changes || (a.name < b.name ? -1 : 1)).slice(
      0,
      listed,
    );
    const rate = (changes / seconds).toFixed(1);
    return {
      data: { seconds, changes, services, endpoints, clients, clientsBehind, most },
      titles: ["SERVICE", "SOURCE", "ENDPOINTS", "CHANGES"],
      rows: most.map(({ name, sources, endpoints: count, changes: times }) => [
        name,
        sources,
        count === undefined ? "gone" : String(count),
        String(times),
      ]),
      none:
        `nothing changed in ${seconds} s; ${services} services, ${endpoints} endpoints, ${clients} clients`,
      below:
        `${changes} changes in ${seconds} s (${rate}/s) of ${services} services; ${clients} clients, ${clientsBehind} behind\n`,
      exitCode: changes === 0 ? 3 : 0,
    };
  },
});

/** `sources` is undefined for a service that is gone. */
function note(
  busy: Map<string, Busy>,
  name: string,
  sources: string | undefined,
  endpoints: number | undefined,
): void {
  const known = busy.get(name) ?? { name, sources: "", endpoints, changes: 0 };
  busy.set(name, known);
  known.sources = sources ?? known.sources;
  known.endpoints = endpoints;
  known.changes++;
}
