import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../servers/free-port.ts";
import { accepts, orDispose, ServerProcess } from "../servers/server-process.ts";
import type { ProcessUsage } from "./process-usage.ts";
import { usageOf } from "./process-usage.ts";
import { sharedClockMs } from "./stopwatch.ts";

const startFile = join(import.meta.dirname, "..", "..", "services", "all-in-one", "start.mjs");

/** `npm start` with a configuration, as a process of its own. */
export class AllInOne extends ServerProcess {
  readonly xdsAddress: string;
  /** When the process was started, by the shared clock. */
  readonly startedAtMs = sharedClockMs();

  constructor(xdsAddress: string) {
    super("all-in-one");
    this.xdsAddress = xdsAddress;
  }

  /** What it has used so far; undefined if it is gone. */
  usage(): ProcessUsage | undefined {
    return this.pid === undefined ? undefined : usageOf(this.pid);
  }
}

/** Starts it against a Eureka; `eurekaSource` overrides defaults of that section. Answers when it listens. */
export async function startAllInOne(
  eurekaUrl: string,
  eurekaSource: Readonly<Record<string, unknown>> = {},
): Promise<AllInOne> {
  const httpPort = await freePort();
  const service = new AllInOne(`127.0.0.1:${await freePort()}`);
  return await orDispose(service, async () => {
    const file = join(service.folder, "config.json");
    const config = {
      eurekaSource: { enabled: true, address: [eurekaUrl], ...eurekaSource },
      mcp: { serverUrl: `xds://${service.xdsAddress}` },
      http: { address: `127.0.0.1:${httpPort}` },
    };
    writeFileSync(file, JSON.stringify(config));
    await service.start({
      name: "all-in-one",
      command: process.execPath,
      args: [startFile, "--config", file],
      ready: () => accepts(httpPort),
    });
    return service;
  });
}
