import { isForBatchOf } from "./unit.ts";
import type { Item } from "./unit.ts";

/** Messages that wait to be sent, in their order. What must be sent again goes back to its place. */
export class SendQueue {
  #items: Item[] = [];
  #head = 0;

  push(item: Item): void {
    this.#items.push(item);
  }

  /** The next message; undefined if nothing waits. */
  get next(): Item | undefined {
    return this.#items[this.#head];
  }

  /** Removes the next message. */
  shift(): void {
    this.#head++;
    if (this.#head < this.#items.length) return;
    this.#items = [];
    this.#head = 0;
  }

  /** Removes the messages that come next and may be in a batch with `first`. `isSending`: one of the subject is under way. */
  takeBatchOf(first: Item, isSending: (subject: string) => boolean): Item[] {
    const items = [first];
    const subjects = new Set([first.subject]);
    let bytes = first.data.length;
    for (let { next } = this; next !== undefined && isForBatchOf(items, bytes, next); { next } = this) {
      if (subjects.has(next.subject) || isSending(next.subject)) break;
      items.push(next);
      subjects.add(next.subject);
      bytes += next.data.length;
      this.shift();
    }
    return items.slice(1);
  }

  /** Puts messages back, but for those that nobody waits for any more. */
  putBack(items: readonly Item[]): void {
    const again = items.filter(({ signal }) => !signal.aborted);
    this.#items = [...again, ...this.#items.slice(this.#head)].sort((a, b) => a.order - b.order);
    this.#head = 0;
  }

  /** Removes and returns everything. */
  clear(): Item[] {
    const items = this.#items.slice(this.#head);
    this.#items = [];
    this.#head = 0;
    return items;
  }
}
