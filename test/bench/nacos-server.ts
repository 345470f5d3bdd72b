import { z } from "zod";
import { recipeOf } from "../servers/recipes.ts";
import { startNacos } from "../servers/nacos.ts";
import type { NacosLine } from "../servers/nacos.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { Worker } from "./worker.ts";

/** When something changed, by the shared clock. */
const Change = z.object({
  /** Before it was asked for. */
  atMs: z.number(),
  /** When the server had told another subscriber of it; a simulated one tells at once. */
  toldAtMs: z.number(),
});
export type Change = z.infer<typeof Change>;

/** The Nacos that is read: a simulated one in a process of its own, or a real one, with what is registered there. */
export class BenchNacos implements AsyncDisposable {
  readonly address: string;
  /** For the table: `nacos`, or with the version of a real one. */
  readonly name: string;
  readonly #worker: Worker;
  readonly #owned: AsyncDisposable;

  private constructor(name: string, address: string, worker: Worker, owned: AsyncDisposable) {
    this.name = name;
    this.address = address;
    this.#worker = worker;
    this.#owned = owned;
  }

  /** A simulated 2.3.2 that pushes at once. */
  static async simulated(size: CatalogueSize): Promise<BenchNacos> {
    const worker = new Worker("nacos-worker.ts");
    const address = await worker.ask(z.string(), "start", { version: "2.3.2", ...size });
    return new BenchNacos("nacos", address, worker, worker);
  }

  /** @param changing index numbers of the services that will change */
  static async real(line: NacosLine, size: CatalogueSize, changing: readonly number[]): Promise<BenchNacos> {
    await using stack = new AsyncDisposableStack();
    const { address } = stack.use(await startNacos({ line, heapMiB: 1_024 }));
    const worker = stack.use(new Worker("nacos-worker.ts"));
    await worker.ask(z.null(), "fill", { address, changing, ...size });
    return new BenchNacos(`nacos ${recipeOf(`nacos-${line}`).version}`, address, worker, stack.move());
  }

  get port(): number {
    return Number(this.address.split(":")[1]);
  }

  /** Another instance comes. */
  async change(index: number, address: string): Promise<Change> {
    return await this.#worker.ask(Change, "change", { index, address });
  }

  /** A port that leads to another one of the server, with what goes through counted. */
  async countedPort(port: number): Promise<number> {
    return await this.#worker.ask(z.number(), "count", { port });
  }

  async countedBytes(): Promise<number> {
    return await this.#worker.ask(z.number(), "bytes");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned[Symbol.asyncDispose]();
  }
}
