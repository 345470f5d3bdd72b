import { setImmediate } from "node:timers";

/**
 * A function that asks for the work to be done at the end of this turn of the event loop. However often it is called
 * until then, the work is done once: thousands of changes that come together cost one look at the result. What the work
 * throws is uncaught.
 */
export function oncePerTurn(work: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    setImmediate(() => {
      isDue = false;
      work();
    });
  };
}
