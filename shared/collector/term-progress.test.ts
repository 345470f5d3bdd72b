import { describe, expect, test } from "vitest";
import type { PublishedTerm } from "./published-state.ts";
import { TermProgress } from "./term-progress.ts";

const term = (number: number): PublishedTerm => ({
  id: `term-${number}`,
  number,
  members: ["a"],
  sequence: number,
});
const steps = ({ isRefreshed, isCompared, isSettled, isMarked }: TermProgress) => ({
  isRefreshed,
  isCompared,
  isSettled,
  isMarked,
});
const none = { isRefreshed: false, isCompared: false, isSettled: false, isMarked: false };

describe("TermProgress", () => {
  test("counts each step under the present term", () => {
    const progress = new TermProgress();
    const present = term(1);
    progress.begin(present);
    expect(steps(progress)).toEqual(none);
    progress.refreshed(present);
    expect(steps(progress)).toEqual({ ...none, isRefreshed: true });
    progress.compared(present, true);
    expect(steps(progress)).toEqual({ ...none, isRefreshed: true, isCompared: true, isSettled: true });
    progress.marked(present);
    expect(steps(progress)).toEqual({ isRefreshed: true, isCompared: true, isSettled: true, isMarked: true });
  });

  test.each<[string, (progress: TermProgress, earlier: PublishedTerm) => void]>([
    ["a refresh of the view", (progress, earlier) => progress.refreshed(earlier)],
    ["a comparison", (progress, earlier) => progress.compared(earlier, true)],
    ["a comparison without a term", (progress) => progress.compared(undefined, true)],
    ["a marker", (progress, earlier) => progress.marked(earlier)],
  ])("counts %s under an earlier term for nothing", (_what, step) => {
    const progress = new TermProgress();
    const earlier = term(1);
    progress.begin(earlier);
    progress.begin(term(2));
    step(progress, earlier);
    expect(steps(progress)).toEqual(none);
  });

  test("counts nothing of one term under the next, but remembers that this replica had a share", () => {
    const progress = new TermProgress();
    const first = term(1);
    progress.begin(first);
    progress.refreshed(first);
    progress.compared(first, true);
    progress.marked(first);
    progress.begin(term(2));
    expect(steps(progress)).toEqual(none);
    expect(progress.hasHadShare).toBe(true);
  });

  test("isn't settled by a comparison that left units of the share out, nor unsettled by a later one", () => {
    const progress = new TermProgress();
    const present = term(1);
    progress.begin(present);
    progress.compared(present, false);
    expect(steps(progress)).toEqual({ ...none, isCompared: true });
    expect(progress.hasHadShare).toBe(false);
    progress.compared(present, true);
    progress.compared(present, false);
    expect(steps(progress)).toEqual({ ...none, isCompared: true, isSettled: true });
  });
});
