import { connect as connectSocket, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import { SimulatedNacos } from "../../shared/simulators/nacos/server.ts";
import { sharedClockMs } from "./stopwatch.ts";
import { serveCommands } from "./worker.ts";

/** The simulated Nacos of its measurement, and a way to it on which bytes are counted. */

const Start = z.object({ version: z.string(), services: z.number(), instances: z.number() });
const Change = z.object({ index: z.number(), address: z.string() });
const Target = z.object({ port: z.number() });

let server: SimulatedNacos | undefined;
let bytes = 0;

function running(): SimulatedNacos {
  if (server === undefined) throw new TypeError("there is no server yet");
  return server;
}

/** As Spring Cloud Alibaba and Nacos' own client register. */
function instanceOf(index: number, number: number, ip = addressOf(index, number)) {
  const metadata = {
    "preserved.register.source": "SPRING_CLOUD",
    version: `v${number % 2}`,
    zone: `zone-${number % 3}`,
  };
  return { ip, port: 8080, metadata };
}

function addressOf(index: number, number: number): string {
  const place = index * 16 + number;
  return `10.${(place >> 16) & 255}.${(place >> 8) & 255}.${place & 255}`;
}

serveCommands({
  start: async (input) => {
    const { version, services, instances } = Start.parse(input);
    // Nacos gathers changes for 500 ms; that isn't ours.
    server = new SimulatedNacos({ version, pushDelayMs: 0 });
    const address = await server.listen();
    for (let index = 0; index < services; index++) {
      const numbers = Array.from({ length: instances }, (_, number) => instanceOf(index, number));
      server.registry.setInstances({ name: `service-${index}` }, numbers);
    }
    return address;
  },
  /** Another instance comes; answers when, by the shared clock. */
  change: (input) => {
    const { index, address } = Change.parse(input);
    const atMs = sharedClockMs();
    running().registry.register({ name: `service-${index}` }, instanceOf(index, 0, address));
    return atMs;
  },
  /** Opens a port that leads to another one, and counts what goes through. */
  count: async (input) => {
    const { port } = Target.parse(input);
    const proxy = createServer((client) => {
      const upstream = connectSocket(port, "127.0.0.1");
      for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
        from.on("error", () => {});
        from.on("close", () => void to.destroy());
        from.on("data", (data) => {
          bytes += data.length;
          to.write(data);
        });
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const address: AddressInfo | string | null = proxy.address();
    if (address === null || typeof address === "string") throw new TypeError("no port");
    return address.port;
  },
  bytes: () => bytes,
});
