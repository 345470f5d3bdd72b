import { connect as connectSocket, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import { SimulatedNacos } from "../../shared/simulators/nacos/server.ts";
import { Registrations } from "./nacos-registrations.ts";
import { sharedClockMs } from "./stopwatch.ts";
import { serveCommands } from "./worker.ts";

/** The simulated Nacos of its measurement, or what is registered at a real one, and a way to it on which bytes are counted. */

const Start = z.object({ version: z.string(), services: z.number(), instances: z.number() });
const Fill = z.object({
  address: z.string(),
  services: z.number(),
  instances: z.number(),
  changing: z.array(z.number()),
});
const Change = z.object({ index: z.number(), address: z.string() });
const Target = z.object({ port: z.number() });

type Instance = ReturnType<typeof instanceOf>;

/** Registers another instance. Answers when, and when the server had told of it, by the shared clock. */
let add: ((index: number, instance: Instance) => unknown) | undefined;
let bytes = 0;

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

function allInstances(services: number, instances: number): readonly Instance[][] {
  return Array.from(
    { length: services },
    (_, index) => Array.from({ length: instances }, (_, number) => instanceOf(index, number)),
  );
}

serveCommands({
  start: async (input) => {
    const { version, services, instances } = Start.parse(input);
    // Nacos gathers changes for 500 ms; that isn't ours.
    const server = new SimulatedNacos({ version, pushDelayMs: 0 });
    const address = await server.listen();
    for (const [index, each] of allInstances(services, instances).entries()) {
      server.registry.setInstances({ name: `service-${index}` }, each);
    }
    add = (index, instance) => {
      const atMs = sharedClockMs();
      server.registry.register({ name: `service-${index}` }, instance);
      return { atMs, toldAtMs: atMs };
    };
    return address;
  },
  /** Registers the same at a server that runs. */
  fill: async (input) => {
    const { address, services, instances, changing } = Fill.parse(input);
    const registrations = await Registrations.open(address, allInstances(services, instances), changing);
    add = (index, instance) => registrations.add(index, instance);
    return null;
  },
  change: async (input) => {
    const { index, address } = Change.parse(input);
    if (add === undefined) throw new TypeError("there is no server yet");
    return await add(index, instanceOf(index, 0, address));
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
