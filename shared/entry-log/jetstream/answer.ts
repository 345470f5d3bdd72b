/** What became of a message, as the server says. */
export type Acknowledgement =
  | { readonly type: "stored"; readonly sequence: number }
  /** Its expected sequence, or its fence, is outdated. `retried`: an earlier attempt may have been stored. */
  | { readonly type: "outdated"; readonly retried: boolean }
  /** It can never be stored. */
  | { readonly type: "rejected"; readonly reason: string }
  /** It isn't stored for now. `full`: for want of room. */
  | { readonly type: "refused"; readonly reason: string; readonly full: boolean };

/** One answer of the server to a message or to a batch of messages. `error` is a JetStream error code with its text. */
export type Answer =
  /** `count` messages of the batch `batch`, the last of them at `sequence`; or a single message. */
  | {
    readonly type: "stored";
    readonly sequence: number;
    readonly batch: string | undefined;
    readonly count: number;
  }
  | { readonly type: "error"; readonly code: number; readonly text: string };

/** «Wrong last sequence», with the sequence that it is. */
const outdated = 10071;

/**
 * Passes in milliseconds: a leader checks a subject's last sequence only while nothing that concerns this subject is
 * being replicated, and says «wrong last sequence» without a number otherwise (10164, 10163); the same message is being
 * replicated (10158); too many batches are under way (10210, 10211).
 */
const busy = new Set([10164, 10163, 10158, 10210, 10211]);

/** An election is on its way, or the stream's servers aren't there. */
const leaderless = new Set([10006, 10007, 10008, 10009, 10118]);

/** Too large, or headers too large. */
const neverStorable = new Set([10054, 10097]);

/** Limits of the stream (10077), the server (10023, 10047, 10028) and the account (10002). */
const full = new Set([10077, 10023, 10047, 10028, 10002]);

/** What an error asks for: `busy` and `leaderless` another attempt, soon or a little later; `outdated` a closer look. */
export function reactionTo(
  { code, text }: { readonly code: number; readonly text: string },
): "outdated" | "busy" | "leaderless" | Acknowledgement & { readonly type: "rejected" | "refused" } {
  if (code === outdated) return "outdated";
  if (busy.has(code)) return "busy";
  if (leaderless.has(code)) return "leaderless";
  const reason = `${text} (${code})`;
  if (neverStorable.has(code)) return { type: "rejected", reason };
  return { type: "refused", reason, full: full.has(code) };
}

/** Reads a server's answer to a publish; undefined if it is none. */
export function parseAnswer(data: Uint8Array): Answer | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
  if (typeof answer !== "object" || answer === null) return undefined;
  if ("error" in answer && typeof answer.error === "object" && answer.error !== null) {
    const { error } = answer;
    const code = "err_code" in error && typeof error.err_code === "number" ? error.err_code : 0;
    const text = "description" in error && typeof error.description === "string" ? error.description : "";
    return { type: "error", code, text };
  }
  if (!("seq" in answer) || typeof answer.seq !== "number") return undefined;
  const batch = "batch" in answer && typeof answer.batch === "string" ? answer.batch : undefined;
  const count = "count" in answer && typeof answer.count === "number" ? answer.count : 1;
  return { type: "stored", sequence: answer.seq, batch, count };
}

/** The longest pause, in milliseconds, after the leader was busy with what concerns the same subject. */
const longestBusyMs = 50;

/** How long to wait, in milliseconds, after the leader was busy so many times in a row: random, so that replicas differ. */
export function busyPauseMs(times: number): number {
  return Math.min(longestBusyMs, 2 ** Math.min(times, 6)) * (0.5 + Math.random() / 2);
}
