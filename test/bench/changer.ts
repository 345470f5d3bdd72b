import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { CatalogueSize } from "./catalogue.ts";
import { Clients } from "./clients.ts";
import type { ClientDialect } from "./clients.ts";
import { ProcessUsage } from "./process-usage.ts";
import { sharedClockMs } from "./stopwatch.ts";
import type { Worker } from "./worker.ts";

/** Time for acknowledgements to arrive, so that the next change isn't merged with one in flight. */
const settleMs = 10;

/** How often and for whom to change something. */
export interface ChangesPlan {
  readonly dialect: ClientDialect;
  readonly clients: number;
  /** Changes that are not measured: what is compiled and what windows connections get is none of a change's cost. */
  readonly warmUp: number;
  readonly rounds: number;
}

/** What one change costs. */
export interface ChangeCost {
  /** From the connections' begin until the last client had all resources. */
  readonly firstSyncMs: number;
  /** Bytes of the first sync, of all clients. */
  readonly firstSyncBytes: number;
  /** The server's CPU time per change. */
  readonly cpuMs: number;
  /** Of all clients, per change. */
  readonly bytes: number;
  /** From the change in the entry log until the last client had it, one for each change. */
  readonly wallMs: readonly number[];
}

/** Changes services of a server, another one each time, each to an address that was never there. */
export class Changer {
  readonly size: CatalogueSize;
  readonly #server: Worker;
  #made = 0;

  /** `server` answers the commands `change` and `usage`, see `aggregator-worker.ts`. */
  constructor(server: Worker, size: CatalogueSize) {
    this.#server = server;
    this.size = size;
  }

  /** One change. Answers when, by the shared clock. */
  async one(): Promise<number> {
    const number = ++this.#made;
    const address = `10.${200 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
    const service = (number * 7919) % this.size.services;
    return await this.#server.ask(z.number(), "change", { service, address });
  }

  /** Many, with the pauses that measured ones have. */
  async make(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      await this.one();
      await delay(settleMs);
    }
  }

  /** The CPU time in milliseconds that the server takes meanwhile. */
  async cost(work: () => Promise<void>): Promise<number> {
    const before = await this.usage();
    await work();
    return (await this.usage()).cpuMs - before.cpuMs;
  }

  /** What the server has used so far. */
  async usage(): Promise<ProcessUsage> {
    return await this.#server.ask(ProcessUsage, "usage");
  }

  /** Connects clients, waits until they have everything, and changes one service after the other. */
  async costWithClients(address: string, plan: ChangesPlan): Promise<ChangeCost> {
    await using clients = new Clients();
    // Its first answer shows that the process has started: that isn't part of a sync.
    await clients.reset();
    const beginMs = sharedClockMs();
    await clients.connect(address, plan.clients, undefined, plan.dialect);
    const { lastAtMs, bytes: firstSyncBytes } = await clients.resources(this.size.services);
    const wallMs: number[] = [];
    const push = async (times: number) => {
      await delay(settleMs);
      await clients.reset();
      wallMs.length = 0;
      for (let pushed = 1; pushed <= times; pushed++) {
        const atMs = await this.one();
        wallMs.push((await clients.responses(pushed)).lastAtMs - atMs);
        await delay(settleMs);
      }
    };
    await push(plan.warmUp);
    const cpuMs = await this.cost(() => push(plan.rounds));
    const { bytes } = await clients.responses(plan.rounds);
    return {
      firstSyncMs: lastAtMs - beginMs,
      firstSyncBytes,
      cpuMs: cpuMs / plan.rounds,
      bytes: bytes / plan.rounds,
      wallMs,
    };
  }
}
