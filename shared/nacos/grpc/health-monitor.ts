import { Health } from "./health.ts";
import type { HealthTimes } from "./health.ts";

/** What a monitor does when it is time. */
export interface HealthActions {
  /** Asks the server; rejects if no answer came, or a bad one. */
  ask(timeoutMs: number): Promise<void>;
  /** The server is gone. */
  giveUp(): void;
}

/** Runs a {@link Health} by the clock. */
export class HealthMonitor {
  readonly #times: HealthTimes;
  readonly #actions: HealthActions;
  readonly #health: Health;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(times: HealthTimes, actions: HealthActions) {
    this.#times = times;
    this.#actions = actions;
    this.#health = new Health(times, performance.now());
  }

  /** Something came from the server. */
  heard(): void {
    this.#health.heard(performance.now());
  }

  start(): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      // A turn later: if this process was busy, the answers are waiting at the socket.
      setImmediate(() => this.#check());
    }, this.#health.nextMs(performance.now()));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #check(): void {
    if (this.#isStopped) return;
    switch (this.#health.due(performance.now())) {
      case "give up":
        this.#actions.giveUp();
        return;
      case "ask":
        void this.#ask();
        return;
      case "nothing":
        this.start();
    }
  }

  async #ask(): Promise<void> {
    this.#health.asked(performance.now());
    try {
      await this.#actions.ask(this.#times.answerMs);
    } catch {
      this.#health.unanswered();
    }
    this.#check();
  }
}
