import { errorText, MeshError } from "../../runtime/errors.ts";
import { SimulatedNacos } from "../nacos/server.ts";
import type { NewInstance } from "../nacos/registry.ts";
import { demoAddress, runShop } from "./demo-services.ts";
import type { DemoService } from "./demo-services.ts";

/** A running demo. Disposing of it ends the server; the signal that it was given ends its changes. */
export interface NacosDemo extends AsyncDisposable {
  readonly server: SimulatedNacos;
  /** Base URL, for `nacosSource.address`. */
  readonly address: string;
}

const zones = ["a", "b", "c"];

/**
 * Starts a Nacos 3 in this process with the shop's services in it, and lets them scale, go and come back every
 * `pauseMs`.
 * @param listen `host:port`; port 0 for any; the port 1000 above has to be free, too @throws MeshError `address-in-use`
 */
export async function startNacosDemo(
  pauseMs: number,
  signal: AbortSignal,
  listen = "127.0.0.1:0",
): Promise<NacosDemo> {
  const colon = listen.lastIndexOf(":");
  const server = new SimulatedNacos({ host: listen.slice(0, colon) });
  const address = await server.listen(Number(listen.slice(colon + 1))).catch((error: unknown) => {
    throw new MeshError("address-in-use", `Nacos of the demo, ${listen}: ${errorText(error)}`);
  });
  const { registry } = server;
  void runShop(
    {
      register: ({ name, ...service }, number) =>
        registry.register({ name }, instance({ name, ...service }, number)),
      deregister: ({ name, ...service }, number) =>
        registry.deregister({ name }, instance({ name, ...service }, number)),
    },
    pauseMs,
    signal,
  );
  return { server, address: `http://${address}`, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function instance(service: DemoService, number: number): NewInstance {
  return {
    ip: demoAddress(service, number),
    port: 8080,
    // Every third instance is a new version that takes little traffic yet.
    weight: number % 3 === 0 ? 0.2 : 1,
    metadata: {
      version: number % 3 === 0 ? "v2" : "v1",
      zone: zones[number % zones.length] ?? "",
      "preserved.register.source": "SPRING_CLOUD",
    },
  };
}
