import type { StateHeader } from "../state/state-file.ts";

/**
 * How far the aggregator knows the entry log, as one explicit state. Every transition is in {@link step}; the effects
 * that it returns are all that a phase ever does to the served resources.
 */
export type Phase =
  /** Nothing has been read, and nothing is served. */
  | { readonly name: "waiting" }
  /** The log can't be read; a state of earlier times is served. */
  | { readonly name: "restored"; readonly earlier: StateHeader }
  /** The log is read for the first time. */
  | { readonly name: "reading"; readonly streamId: string }
  /** The log is read for the first time, while a state of earlier times is served. */
  | {
    readonly name: "comparing";
    readonly streamId: string;
    readonly earlier: StateHeader;
    /** The log has shown a message that is older than one of the state: it lost what came between. */
    readonly isOlder: boolean;
  }
  /** The log has been read to its end, and is followed. */
  | { readonly name: "following"; readonly streamId: string }
  /** The log was reset after it had been read to its end, and is read anew. */
  | { readonly name: "rereading"; readonly streamId: string };

/** What happens to an ingest as a whole. */
export type PhaseEvent =
  | { readonly type: "state-served"; readonly earlier: StateHeader }
  | { readonly type: "reset"; readonly streamId: string }
  /** The log has an older message of a subject than the state of earlier times. */
  | { readonly type: "older-message" }
  | {
    readonly type: "caught-up";
    readonly sequence: number;
    /** Which state is on disk; only asked for by a log that is {@link needsStateOnDisk | read for the first time}. */
    readonly onDisk: StateHeader | undefined;
  };

/** What a transition does to the served resources. */
export type Effect =
  /** Everything that is served has to be seen in the log again. */
  | "doubt-all"
  /** The log is not the one of the state, or was rolled back: what it hasn't shown stays until its source is read anew. */
  | "doubt-unread"
  /** The log goes on from where the state ends: what it hasn't shown was deleted meanwhile. */
  | "drop-unread"
  /** The state on disk has resources that this log lost: they are served, and in doubt. */
  | "adopt-state"
  /** The log goes on from where the state on disk ends. Only what was in doubt then is taken from it. */
  | "adopt-doubts";

/** A phase, and what has to be done on the way to it. */
export interface Step {
  readonly phase: Phase;
  readonly effects: readonly Effect[];
}

/** The transition table. An event that means nothing in a phase leaves it as it is. */
export function step(phase: Phase, event: PhaseEvent): Step {
  switch (event.type) {
    case "state-served":
      return served(phase, event.earlier);
    case "reset":
      return reset(phase, event.streamId);
    case "older-message":
      return to(phase.name === "comparing" ? { ...phase, isOlder: true } : phase);
    case "caught-up":
      return caughtUp(phase, event.sequence, event.onDisk);
  }
}

/** The stream that cursors name: that of the log, as soon as anything of it was read. Empty before everything else. */
export function streamIdOf(phase: Phase): string {
  switch (phase.name) {
    case "waiting":
      return "";
    case "restored":
      return phase.earlier.streamId;
    case "reading":
    case "comparing":
    case "following":
    case "rereading":
      return phase.streamId;
  }
}

/** True until the log has been read to its end once. */
export function isFirstRead({ name }: Phase): boolean {
  return name !== "following" && name !== "rereading";
}

/** True if the end of the log can only be judged with the state on disk. */
export function needsStateOnDisk({ name }: Phase): boolean {
  return name === "reading";
}

function served(phase: Phase, earlier: StateHeader): Step {
  switch (phase.name) {
    case "waiting":
      return to({ name: "restored", earlier });
    case "reading":
      // A log that was lost while it was read goes on without a reset: it stays the one that cursors name.
      return to({ name: "comparing", streamId: phase.streamId, earlier, isOlder: false });
    case "restored":
    case "comparing":
    case "following":
    case "rereading":
      return to(phase);
  }
}

function reset(phase: Phase, streamId: string): Step {
  switch (phase.name) {
    case "waiting":
      return to({ name: "reading", streamId });
    case "reading":
      return to({ name: "reading", streamId }, "doubt-all");
    case "restored":
    case "comparing":
      return to({ name: "comparing", streamId, earlier: phase.earlier, isOlder: false }, "doubt-all");
    case "following":
    case "rereading":
      return to({ name: "rereading", streamId }, "doubt-all");
  }
}

function caughtUp(phase: Phase, sequence: number, onDisk: StateHeader | undefined): Step {
  switch (phase.name) {
    case "waiting":
    case "restored":
    case "following":
      return to(phase);
    case "rereading":
      return to({ name: "following", streamId: phase.streamId });
    case "reading": {
      const { streamId } = phase;
      const following: Phase = { name: "following", streamId };
      if (onDisk === undefined) return to(following);
      if (!goesOn(onDisk, streamId, sequence)) return to(following, "adopt-state");
      return onDisk.doubts === 0 ? to(following) : to(following, "adopt-doubts");
    }
    case "comparing": {
      const { streamId, earlier, isOlder } = phase;
      const isSame = goesOn(earlier, streamId, sequence) && !isOlder;
      return to({ name: "following", streamId }, isSame ? "drop-unread" : "doubt-unread");
    }
  }
}

/** True if the log is the one of the state, and has all that the state had seen of it. */
function goesOn(state: StateHeader, streamId: string, sequence: number): boolean {
  return state.streamId === streamId && state.sequence <= sequence;
}

function to(phase: Phase, ...effects: readonly Effect[]): Step {
  return { phase, effects };
}
