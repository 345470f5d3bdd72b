import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SubjectLedger } from "./ledger.ts";

const minute = 60_000;

/** What happens to a stream, and how far the clock goes on before. */
const step = fc.record({
  subject: fc.integer({ min: 0, max: 9 }).map((number) => `s${number}`),
  ttlMs: fc.option(fc.integer({ min: 1, max: 5 * minute }), { nil: undefined }),
  pauseMs: fc.integer({ min: 0, max: minute }),
});

/** A stream that keeps the last message of each subject, as long as its time to live says, and `lateMs` more. */
class Model {
  readonly messages = new Map<string, number | undefined>();
  sequence = 0;
  nowMs = 1_000_000;

  take({ subject, ttlMs, pauseMs }: { subject: string; ttlMs: number | undefined; pauseMs: number }): void {
    this.nowMs += pauseMs;
    this.messages.set(subject, ttlMs === undefined ? undefined : this.nowMs + ttlMs);
    this.sequence++;
  }

  count(lateMs: number): number {
    return [...this.messages.values()].filter((expiresAtMs) =>
      expiresAtMs === undefined || expiresAtMs + lateMs > this.nowMs
    ).length;
  }
}

describe("SubjectLedger", () => {
  test("never expects more than there is, whatever expires and whenever the server removes it", () => {
    fc.assert(
      fc.property(
        fc.array(step),
        fc.integer({ min: -5000, max: 5000 }),
        fc.nat(10),
        (steps, lateMs, ahead) => {
          const model = new Model();
          const ledger = new SubjectLedger();
          const counts: { sequence: number; nowMs: number; count: number }[] = [];
          for (const each of steps) {
            model.take(each);
            ledger.note(each.subject, model.sequence, model.messages.get(each.subject));
            counts.push({ sequence: model.sequence, nowMs: model.nowMs, count: model.count(lateMs) });
            // The look may be of a while ago: the reader has read on since.
            const look = counts.at(-1 - ahead);
            if (look === undefined) continue;
            expect(ledger.expectedAt(look.sequence, look.nowMs)).toBeLessThanOrEqual(look.count);
          }
        },
      ),
    );
  });

  test("expects exactly what is there once nothing is about to expire", () => {
    fc.assert(fc.property(fc.array(step), (steps) => {
      const model = new Model();
      const ledger = new SubjectLedger();
      for (const each of steps) {
        model.take(each);
        ledger.note(each.subject, model.sequence, model.messages.get(each.subject));
      }
      model.nowMs += 10 * minute;
      expect(ledger.expectedAt(model.sequence, model.nowMs)).toBe(model.count(0));
    }));
  });

  test("expects what this process stored, also if the reader never saw it", () => {
    const ledger = new SubjectLedger();
    ledger.note("a", 1);
    ledger.noteStored("b", 2);
    ledger.noteStored("c", 3);
    expect(ledger.expectedAt(2, 0)).toBe(2);
    ledger.note("b", 4, minute);
    ledger.noteStored("b", 2);
    expect(ledger.expectedAt(4, 10 * minute)).toBe(2);
  });

  test("knows a deletion that is kept for a day as a message, and that it goes", () => {
    const ledger = new SubjectLedger();
    ledger.note("a", 1);
    ledger.note("b", 2);
    ledger.note("a", 3, 24 * 60 * minute);
    expect(ledger.expectedAt(3, 0)).toBe(2);
    expect(ledger.expectedAt(3, 24 * 60 * minute)).toBe(1);
    ledger.note("a", 4);
    expect(ledger.expectedAt(4, 25 * 60 * minute)).toBe(2);
  });
});
