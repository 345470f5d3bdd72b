/** The seed of a run: `SEED` if it is set, to repeat a run that failed; another one each time otherwise. */
export function seedOfRun(): number {
  return Number(process.env["SEED"] ?? Date.now() % 1_000_000);
}

/** A random number generator (from 0, below 1) with a seed, so that a failing run can be repeated. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}
