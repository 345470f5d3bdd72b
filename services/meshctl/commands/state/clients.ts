import { Clients } from "./answers.ts";
import { stateCommand } from "./state-command.ts";

/** `meshctl clients`: who is connected, and whether they are up to date. */
export const clientsCommand = stateCommand({
  name: "clients",
  summary: "Show each connected istiod: dialect, versions sent and accepted, what it refuses",
  canWatch: true,
  usage: "meshctl clients",
  purpose: `Shows the aggregator's clients, a line for each type of resource: what was sent, and what was
accepted. Equal versions: the client is up to date.

Exit code: 0 if no client refuses anything, 3 if one does, 1 if the aggregator can't be asked.`,
  async ask(api) {
    const data = await api.ask("/clients?detail=1", Clients);
    const types = data.flatMap((client) => client.types.map((type) => ({ client, type })));
    return {
      data,
      titles: ["CLIENT", "ADDRESS", "DIALECT", "TYPE", "STATE", "VERSION", "LAST REFUSAL"],
      rows: types.map(({ client, type }) => [
        client.id ?? "",
        client.address,
        client.dialect ?? "",
        type.typeUrl.split("/").at(-1) ?? type.typeUrl,
        stateOf(type),
        type.acknowledgedVersion ?? "",
        type.lastError ?? "",
      ]),
      none:
        "no client is connected; `meshctl config-sources` prints what istiod needs to find the aggregator",
      exitCode: types.some(({ type }) => type.refusedNow.length > 0) ? 3 : 0,
    };
  },
});

type ClientType = Awaited<ReturnType<typeof Clients.parse>>[number]["types"][number];

function stateOf({ sentVersion, acknowledgedVersion, refusedNow }: ClientType): string {
  if (refusedNow.length > 0) return `refuses ${refusedNow.length}`;
  if (sentVersion === undefined) return "polls";
  return sentVersion === acknowledgedVersion ? "up to date" : "behind";
}
