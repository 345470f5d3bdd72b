import { z } from "zod";
import { serveCommands } from "../bench/worker.ts";
import { dialects, SoakClient, tempers } from "./soak-client.ts";

/** The clients of a soak, in a process of their own, so that neither their memory nor their CPU time is the server's. */

const ConnectInput = z.object({ address: z.string(), pollAddress: z.string(), clients: z.number() });

let clients: { readonly about: string; readonly revision: string; readonly client: SoakClient }[] = [];
let runs: Promise<void>[] = [];

serveCommands({
  /** Connects so many clients, of all dialects and tempers in turn, half of them with a revision. */
  connect: (input) => {
    const { address, pollAddress, clients: count } = ConnectInput.parse(input);
    clients = Array.from({ length: count }, (_, index) => {
      const dialect = dialects[index % dialects.length] ?? "delta";
      const temper = tempers[index % tempers.length] ?? "steady";
      // Long polling knows no revisions.
      const revision = dialect === "longPolling" || index % 3 === 0 ? "" : "canary";
      const client = new SoakClient({ dialect, temper, revision, address, pollAddress });
      return { about: `${index}: ${dialect}, ${temper}`, revision, client };
    });
    runs = clients.map(({ client }) => client.run());
    return null;
  },
  /** From now on everybody takes and acknowledges what comes. */
  calm: () => {
    for (const { client } of clients) client.isCalm = true;
    return null;
  },
  /** What each client has. */
  views: () =>
    clients.map(({ about, revision, client }) => ({
      about,
      revision,
      digest: client.digest,
      resources: client.size,
      responses: client.responses,
      refusals: client.refusals,
      connections: client.connections,
    })),
  /** Everybody leaves. */
  leave: async () => {
    for (const { client } of clients) client.stop();
    await Promise.all(runs);
    return null;
  },
});
