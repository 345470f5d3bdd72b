import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { Clients } from "./clients.ts";
import type { ClientDialect } from "./clients.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { ProcessUsage } from "./process-usage.ts";
import { percentile } from "./stopwatch.ts";
import { Worker } from "./worker.ts";

/** Time for acknowledgements to arrive, so that the next change isn't merged with one in flight. */
const settleMs = 10;

/** Changes before the measured ones: what is compiled and what windows connections get is none of a change's cost. */
const warmUp = 300;

const dialects: readonly (readonly [ClientDialect, string])[] = [
  ["delta", "Delta"],
  ["incremental", "incremental"],
  ["stateOfTheWorld", "state of the world"],
];

/** What one changed endpoint costs the aggregator in each dialect, and how that grows with services and clients. */
export const changes: Measurement = {
  name: "changes",
  about: "one change in each dialect, by number of services and clients",
  async run(bench) {
    const sizes = bench.quick ? [200, 500] : [1_000, 10_000, 50_000];
    for (const services of sizes) await measure({ services, instances: 10 }, bench);
  },
};

async function measure(size: CatalogueSize, bench: Bench): Promise<void> {
  bench.progress(`loading ${sizeText(size)}`);
  await using server = new Worker("aggregator-worker.ts");
  const address = await server.ask(z.string(), "start", size);
  const changer = new Changer(server, size);
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `changes: ${what}`, size: sizeText(size), figure, unit });

  const alone = bench.quick ? 20 : 300;
  await changer.make(bench.quick ? 20 : warmUp);
  row("without a client", (await changer.cost(() => changer.make(alone))) / alone, "CPU ms per change");
  for (const [dialect, name] of dialects) {
    const cpuMs: number[] = [];
    for (const count of [1, 20]) {
      bench.progress(`${sizeText(size)}: ${count} x ${name}`);
      const isFull = dialect === "stateOfTheWorld";
      const rounds = bench.quick ? 5 : isFull ? Math.max(5, Math.min(100, 100_000 / size.services)) : 300;
      const { cpu, bytes, wallMs } = await withClients(changer, address, dialect, count, rounds, bench.quick);
      const who = `${name}, ${count} ${count === 1 ? "client" : "clients"}`;
      row(`${who}: server`, cpu, "CPU ms per change");
      row(`${who}: until the last has it, p50`, percentile(wallMs, 0.5), "ms");
      row(`${who}: until the last has it, p99`, percentile(wallMs, 0.99), "ms");
      if (count === 1) row(`${who}: sent`, bytes, "bytes per change");
      cpuMs.push(cpu);
    }
    const [one = 0, twenty = 0] = cpuMs;
    row(`${name}: each further client`, (twenty - one) / 19, "CPU ms per change");
  }
}

async function withClients(
  changer: Changer,
  address: string,
  dialect: ClientDialect,
  count: number,
  rounds: number,
  quick: boolean,
): Promise<{ readonly cpu: number; readonly bytes: number; readonly wallMs: readonly number[] }> {
  await using clients = new Clients();
  await clients.connect(address, count, undefined, dialect);
  await clients.resources(changer.size.services);
  const wallMs: number[] = [];
  const push = async (times: number) => {
    await delay(settleMs);
    await clients.reset();
    wallMs.length = 0;
    for (let pushed = 1; pushed <= times; pushed++) {
      const atMs = await changer.one();
      const { lastAtMs } = await clients.responses(pushed);
      wallMs.push(lastAtMs - atMs);
      await delay(settleMs);
    }
  };
  await push(quick || dialect === "stateOfTheWorld" ? 3 : warmUp);
  const cpu = await changer.cost(() => push(rounds));
  const { bytes } = await clients.responses(rounds);
  return { cpu: cpu / rounds, bytes: bytes / rounds / count, wallMs };
}

/** Changes services of a server, another one each time, each to an address that was never there. */
class Changer {
  readonly size: CatalogueSize;
  readonly #server: Worker;
  #made = 0;

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
    const before = await this.#server.ask(ProcessUsage, "usage");
    await work();
    return (await this.#server.ask(ProcessUsage, "usage")).cpuMs - before.cpuMs;
  }
}
