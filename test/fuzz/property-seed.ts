import fc from "fast-check";

/**
 * Loaded before each test file: properties get the same inputs in each run of `npm test`, so that a failure is about the
 * change under test. `npm run fuzz` sets `FUZZ_SEED` to a new one in each round.
 */
fc.configureGlobal({ seed: Number(process.env["FUZZ_SEED"] ?? 1) });
