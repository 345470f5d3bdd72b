import { setTimeout as delay } from "node:timers/promises";
import type { FollowOptions } from "./dialect-client.ts";

/** A server that says nothing for so long is waiting for something itself, in milliseconds. */
const patienceMs = 5_000;

/** Pauses between attempts to connect, in milliseconds: doubled each time, spread by a fifth. */
const firstPauseMs = 500;
const longestPauseMs = 10_000;

/**
 * Runs one connection after the other until the signal aborts, and tells the user what becomes of them. `connect` runs
 * one to its end and answers why it ended; it calls `onAnswer` with each answer of the server.
 */
export async function keepConnecting(
  { address, onNote }: FollowOptions,
  connect: (onAnswer: () => void) => Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  let pauseMs = firstPauseMs;
  let wasConnected = false;
  while (!signal.aborted) {
    let answered = false;
    const reason = await connect(() => {
      if (!answered && wasConnected) onNote(`connected to ${address} again`);
      answered = true;
    });
    if (signal.aborted) return;
    if (answered) pauseMs = firstPauseMs;
    wasConnected ||= answered;
    const waitMs = Math.round(pauseMs * (0.8 + Math.random() * 0.4));
    const what = answered ? "lost the connection to" : "no connection to";
    onNote(`${what} ${address}: ${reason}; trying again in ${(waitMs / 1000).toFixed(1)} s`);
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }
}

/**
 * Tells the user after some seconds what the server has not answered yet, and why that may be. The caller takes the
 * types that were answered out of `unanswered`, and disposes of it with the connection.
 */
export function tellOfWaiting(
  { address, onNote }: FollowOptions,
  unanswered: ReadonlySet<string>,
  isConnected: () => boolean,
): Disposable {
  const timer = setTimeout(() => {
    if (unanswered.size === 0) return;
    if (!isConnected()) return onNote(`still connecting to ${address}`);
    onNote(
      `connected to ${address}, waiting for its answer about ${
        [...unanswered].join(", ")
      }: it isn't ready before ` +
        "all its sources are read; /meshregistry/ready of its debug API (http.address) tells what is missing",
    );
  }, patienceMs);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
