import type { Dialect } from "../../services/aggregator/xds/protocol.ts";
import type { ReplicaOptions } from "./replica.ts";
import type { Step } from "./stage.ts";

/** A course of events, and what every client has to see of it. */
export interface Scenario {
  readonly title: string;
  readonly dialects: readonly Dialect[];
  readonly replica: ReplicaOptions;
  readonly steps: readonly Step[];
}

/** All dialects of gRPC streams. */
export const allDialects: readonly Dialect[] = ["stateOfTheWorld", "incremental", "delta"];

/** A scenario of all dialects, on a replica with defaults. Steps are in rows, for the reader's sake. */
export function scenario(title: string, ...rows: readonly (readonly Step[])[]): Scenario {
  return { title, dialects: allDialects, replica: {}, steps: rows.flat() };
}

/** The same of some dialects. */
export function of(dialects: readonly Dialect[], given: Scenario): Scenario {
  return { ...given, dialects };
}

/** The same on a replica of another kind. */
export function on(replica: ReplicaOptions, given: Scenario): Scenario {
  return { ...given, replica };
}
