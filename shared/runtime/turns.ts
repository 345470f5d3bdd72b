import { setImmediate } from "node:timers";
import { setImmediate as nextTurn } from "node:timers/promises";

/** So long work may keep the event loop to itself, in milliseconds: a lease, a probe and other changes wait meanwhile. */
const usualTurnMs = 20;

/** When work began in this turn of the event loop; undefined: none did yet. */
let beganMs: number | undefined;

/** The beginning of work in this turn: what follows other work in one turn has what that left of the time. */
function beginningMs(): number {
  if (beganMs === undefined) {
    beganMs = performance.now();
    setImmediate(() => {
      beganMs = undefined;
    });
  }
  return beganMs;
}

/**
 * Cuts long work into turns of the event loop. Ask {@link isOver} between two steps, and await {@link next} if it is
 * true: a step costs no promise then.
 */
export class Turns {
  readonly #turnMs: number;
  #endMs: number;
  #taken = 1;

  /** `turnMs`: how long a turn lasts; `Infinity`: there is only one. */
  constructor(turnMs = usualTurnMs) {
    this.#turnMs = turnMs;
    this.#endMs = beginningMs() + turnMs;
  }

  /** True once others should have their turn. */
  get isOver(): boolean {
    return performance.now() >= this.#endMs;
  }

  /** How many turns the work has had. */
  get taken(): number {
    return this.#taken;
  }

  /** Settles in the next turn, after the events that have come meanwhile. */
  async next(): Promise<void> {
    await nextTurn();
    this.#taken++;
    this.#endMs = beginningMs() + this.#turnMs;
  }
}

/** Long work in short steps: before each one its caller may do something else. It returns its result. */
export type Steps<Result> = Generator<undefined, Result, undefined>;

/** Carries out long work in turns of the event loop. */
export async function inTurns<Result>(steps: Steps<Result>, turns: Turns): Promise<Result> {
  for (let step = steps.next();; step = steps.next()) {
    if (step.done === true) return step.value;
    if (turns.isOver) await turns.next();
  }
}

/** Carries out long work in this turn of the event loop. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (let step = steps.next();; step = steps.next()) {
    if (step.done === true) return step.value;
  }
}
