import { Refusal } from "./operation.ts";

/** Lets so much work of one kind run at a time, and refuses what comes on top: each piece would make all others late. */
export class AtMost {
  readonly #most: number;
  readonly #what: string;
  #running = 0;

  /** `what`: the work in the plural, such as `searches`. */
  constructor(most: number, what: string) {
    this.#most = most;
    this.#what = what;
  }

  /** @throws Refusal if too much is running */
  async run<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    if (this.#running >= this.#most) {
      throw new Refusal(429, `${this.#most} ${this.#what} are running: try again`);
    }
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
    }
  }
}
