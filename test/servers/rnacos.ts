import { useServer } from "./find.ts";
import { freePort, freePortWith } from "./free-port.ts";
import { NacosServer } from "./nacos.ts";
import { orDispose } from "./server-process.ts";

/** How often rnacos is started, at most. */
const rnacosAttempts = 10;

/**
 * Starts rnacos, another server of the protocol of Nacos 2.0. One start in three fails in a way of its own: it listens,
 * but a part of it has panicked, and it stores nothing. So it is started until it stores something.
 */
export async function startRnacos(): Promise<NacosServer> {
  for (let attempt = 1;; attempt++) {
    const server = await startRnacosOnce();
    const { text } = await server.call({
      method: "POST",
      path: "/v1/console/namespaces",
      params: { customNamespaceId: "started", namespaceName: "started", namespaceDesc: "" },
    });
    if (text === "true" || attempt === rnacosAttempts) return server;
    await server[Symbol.asyncDispose]();
  }
}

async function startRnacosOnce(): Promise<NacosServer> {
  const binary = useServer("rnacos");
  const port = await freePortWith([1_000]);
  const consolePort = await freePort();
  const server = new NacosServer("rnacos", "rnacos", port, undefined);
  return await orDispose(server, async () => {
    await server.start({
      name: "rnacos",
      command: binary,
      args: [],
      env: {
        RNACOS_HTTP_PORT: String(port),
        RNACOS_GRPC_PORT: String(port + 1_000),
        RNACOS_HTTP_CONSOLE_PORT: String(consolePort),
        RNACOS_DATA_DIR: server.folder,
        RNACOS_CONFIG_DB_DIR: server.folder,
      },
      ready: async () => {
        const params = { pageNo: "1", pageSize: "10" };
        return (await server.call({ path: "/v1/ns/service/list", params })).status === 200;
      },
    });
    return server;
  });
}
