import { setImmediate as nextTurn } from "node:timers/promises";
import { isResourceKind, resourceKinds } from "../../../shared/model/manifest.ts";
import type { Profile } from "../../../shared/model/profile.ts";
import { decodeSubject } from "../../../shared/model/subject.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import { manifestOf, prepareManifest } from "../output-stage/present.ts";
import type { AggregatorState, StateDoubt, StateEntry } from "../state/state-file.ts";
import type { Doubt, Doubts } from "./doubts.ts";
import type { Serving } from "./serving.ts";

/** After so many entries the event loop gets a turn. */
const entriesPerTurn = 200;

/** Where a state of earlier times is restored to. */
export interface RestoreTarget {
  readonly serving: Serving;
  readonly doubts: Doubts;
  readonly profile: Profile;
  /** A time of the clock of {@link Doubts}. */
  readonly nowMs: number;
}

/**
 * Serves what a state of earlier times has and the log hasn't shown, all of it in doubt. `doubtful` takes only what was
 * in doubt then. What both have belongs to the baseline that a loss is measured by.
 */
export async function restoreState(
  state: AggregatorState,
  which: "all" | "doubtful",
  { serving, doubts, profile, nowMs }: RestoreTarget,
): Promise<void> {
  let entries = 0;
  for (const { subject, cursor, framed, virtual, doubt } of state.entries) {
    if (++entries % entriesPerTurn === 0) await nextTurn();
    if (which === "doubtful" && doubt === undefined) continue;
    const id = decodeSubject(subject);
    if (id === undefined || !isResourceKind(id.kind)) continue;
    const manifest = manifestOf(id.kind, framed, virtual);
    const prepared = manifest && prepareManifest(subject, id, cursor, manifest, profile).prepared;
    if (prepared === undefined) continue;
    const endpoints = manifest?.kind === "ServiceEntry" ? manifest.spec.endpoints?.length ?? 0 : 0;
    if (serving.has(subject)) doubts.knew({ subject, endpoints });
    else {
      doubts.begin([{ subject, endpoints }], doubtFrom(doubt, nowMs));
      serving.present(prepared);
    }
  }
  doubts.forgetCertain();
}

/**
 * What is served now, as it is written to disk. Resources never change, so a list of them is a consistent picture,
 * whatever happens while it is written.
 */
export function savedEntries(
  cache: ResourceCache,
  serving: Serving,
  doubts: Doubts,
  nowMs: number,
): readonly StateEntry[] {
  return resourceKinds.flatMap((kind) => [...cache.allStored(kind)]).map(({ subject, cursor, framed }) => ({
    subject,
    cursor,
    framed,
    virtual: serving.isVirtual(subject),
    doubt: doubtInState(doubts.get(subject), nowMs),
  }));
}

/** A doubt as it is written to disk: monotonic clocks end with their process. */
function doubtInState(doubt: Doubt | undefined, nowMs: number): StateDoubt | undefined {
  switch (doubt?.why) {
    case undefined:
      return undefined;
    case "unread":
    case "unconfirmed":
      return { heldSince: null };
    case "held":
      return { heldSince: new Date(Date.now() - (nowMs - doubt.sinceMs)).toISOString() };
  }
}

function doubtFrom(doubt: StateDoubt | undefined, nowMs: number): Doubt {
  if (doubt === undefined) return { why: "unread" };
  if (doubt.heldSince === null) return { why: "unconfirmed" };
  return { why: "held", sinceMs: nowMs - Math.max(0, Date.now() - Date.parse(doubt.heldSince)) };
}
