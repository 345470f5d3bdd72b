import type { z } from "zod";
import { ClientList } from "../../../../shared/api/state.ts";
import type { ClientType } from "../../../../shared/api/state.ts";
import { stateCommand } from "./state-command.ts";

/** `meshctl clients`: who is connected, whether they are up to date, and for how long they haven't been. */
export const clientsCommand = stateCommand({
  name: "clients",
  summary: "Show each connected istiod: dialect, how far it is behind, what it refuses",
  canWatch: true,
  usage: "meshctl clients",
  purpose: `Shows the aggregator's clients, a line for each type of resource: what was accepted, and what is
refused. BEHIND says for how long a client has lacked a change that it sees.

Exit code: 0 if no client refuses anything, 3 if one does, 1 if the aggregator can't be asked.`,
  async ask(api) {
    const { clients } = await api.askApi("/clients", ClientList);
    const types = clients.flatMap((client) => client.types.map((type) => ({ client, type })));
    return {
      data: clients,
      titles: ["CLIENT", "ADDRESS", "DIALECT", "TYPE", "STATE", "BEHIND", "VERSION", "LAST REFUSAL"],
      rows: types.map(({ client, type }) => [
        client.id,
        client.address,
        client.dialect ?? "",
        type.typeUrl.split("/").at(-1) ?? type.typeUrl,
        stateOf(type, client.dialect),
        client.behindMs === null ? "" : `${(client.behindMs / 1000).toFixed(1)} s`,
        type.acknowledgedVersion ?? "",
        type.lastError ?? "",
      ]),
      none:
        "no client is connected; `meshctl config-sources` prints what istiod needs to find the aggregator",
      exitCode: types.some(({ type }) => refuses(type)) ? 3 : 0,
    };
  },
});

type TypeState = z.infer<typeof ClientType>;

/** Delta clients refuse resources, those of the state of the world a whole response. */
function refuses({ refusedNow, lastError }: TypeState): boolean {
  return refusedNow.length > 0 || lastError !== null;
}

function stateOf(type: TypeState, dialect: string | null): string {
  if (type.refusedNow.length > 0) return `refuses ${type.refusedNow.length}`;
  if (refuses(type)) return "refuses the last response";
  if (dialect === "longPolling") return "polls";
  if (type.sentVersion === null) return "nothing sent";
  return type.sentVersion === type.acknowledgedVersion ? "up to date" : "behind";
}
