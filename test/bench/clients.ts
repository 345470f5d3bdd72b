import { z } from "zod";
import { Worker } from "./worker.ts";

/** How far all clients are. */
const Progress = z.object({
  /** When the last of them had its last response, by the shared clock. */
  lastAtMs: z.number(),
  /** Of all clients and responses. */
  bytes: z.number(),
  responses: z.number(),
  /** In the last response, of the client with the fewest. */
  resources: z.number(),
});
export type Progress = z.infer<typeof Progress>;

/** What a client speaks. */
export type ClientDialect = "stateOfTheWorld" | "incremental" | "delta";

/** Clients of one server in a process of their own, each with its own connection. */
export class Clients implements AsyncDisposable {
  readonly #worker = new Worker("client-worker.ts");

  /** Connects more clients; with a prefix, the first one looks for addresses that begin so ({@link marks}). */
  async connect(
    address: string,
    clients: number,
    markPrefix?: string,
    dialect: ClientDialect = "stateOfTheWorld",
  ): Promise<void> {
    await this.#worker.ask(z.null(), "connect", { address, clients, dialect, markPrefix });
  }

  /** Resolves when every client has had so many resources, in however many responses. */
  async resources(count: number): Promise<Progress> {
    return await this.#worker.ask(Progress, "await", { responses: 1, resources: count });
  }

  /** Resolves when every client has had so many responses since the start or the last {@link reset}. */
  async responses(count: number): Promise<Progress> {
    return await this.#worker.ask(Progress, "await", { responses: count });
  }

  /** Counts responses and bytes from here on. */
  async reset(): Promise<void> {
    await this.#worker.ask(z.null(), "reset");
  }

  /** When the first client first had each address with the prefix, by the shared clock. */
  async marks(): Promise<ReadonlyMap<string, number>> {
    return new Map(Object.entries(await this.#worker.ask(z.record(z.string(), z.number()), "marks")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker[Symbol.asyncDispose]();
  }
}
