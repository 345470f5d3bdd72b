import { setImmediate as nextTurn } from "node:timers/promises";

/** About so long the texts of one piece may take to make, in milliseconds: others get their turn after it. */
const turnMs = 5;

const encoder = new TextEncoder();

/** The last turn that was given to a body. */
let lastTurn: Promise<unknown> = Promise.resolve();

/** A turn of the event loop that no other body has: hundreds of them together hold up the rest as little as one. */
async function ownTurn(): Promise<void> {
  const turn = lastTurn.then(() => nextTurn());
  lastTurn = turn;
  await turn;
}

/**
 * A body that is made while it is sent: texts one after the other, as many in a turn of the event loop as fit into some
 * milliseconds, and no faster than the reader takes them. All bodies of the process take turns. `texts` is iterated
 * lazily; what it throws breaks the body off.
 */
export function streamedText(texts: Iterable<string>): ReadableStream<Uint8Array> {
  const iterator = texts[Symbol.iterator]();
  return new ReadableStream({
    pull: async (controller) => {
      await ownTurn();
      const endMs = performance.now() + turnMs;
      let piece = "";
      for (let next = iterator.next();; next = iterator.next()) {
        if (next.done === true) {
          if (piece !== "") controller.enqueue(encoder.encode(piece));
          controller.close();
          return;
        }
        piece += next.value;
        if (performance.now() >= endMs) break;
      }
      controller.enqueue(encoder.encode(piece));
    },
    cancel: () => void iterator.return?.(),
  });
}
