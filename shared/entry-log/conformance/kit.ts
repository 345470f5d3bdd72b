import { afterEach, beforeEach } from "vitest";
import { allSubjects, encodeSubject } from "../../model/subject.ts";
import type { EntryLog, LogEntry, LogEvent, LogRecord } from "../entry-log.ts";
import { Follower } from "./test-follower.ts";

/** What the suite needs from an implementation. */
export interface ConformanceRig extends AsyncDisposable {
  /** A handle of the rig's one log, which is empty at first. Several handles are several processes' view of it. */
  open(): Promise<EntryLog>;
}

/** What each test gets. */
export interface ConformanceKit {
  /** The test's own log; {@link open} gives further handles. */
  readonly log: EntryLog;
  open(): Promise<EntryLog>;
  /** A reader that is stopped when the test ends. */
  follow(log: EntryLog, filter?: string, onEvent?: (event: LogEvent) => void | Promise<void>): Follower;
}

/** A signal that never aborts. */
export const never = new AbortController().signal;

/** The subject of a service, by default of the source `one`. */
export function subject(name: string, source = "one"): string {
  return encodeSubject({ kind: "ServiceEntry", registry: "eureka", source, namespace: "default", name });
}

/** A record with a text for its content. */
export function put(name: string, text: string): LogRecord {
  return { subject: subject(name), data: new TextEncoder().encode(text) };
}

/** All items of an iteration that ends. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** Everything that a read-back gives. */
export async function readAll(log: EntryLog, filter: string): Promise<LogEntry[]> {
  return await collect(log.readBack(filter, never));
}

/** Makes a rig for each test of the present `describe`, and closes it after the test. */
export function useRig(createRig: () => Promise<ConformanceRig>): () => ConformanceKit {
  let kit: ConformanceKit | undefined;
  let rig: ConformanceRig | undefined;
  const followers: Follower[] = [];
  beforeEach(async () => {
    const created = await createRig();
    rig = created;
    kit = {
      log: await created.open(),
      open: () => created.open(),
      follow: (log, filter = allSubjects, onEvent) => {
        const follower = new Follower(log, filter, onEvent);
        followers.push(follower);
        return follower;
      },
    };
  });
  afterEach(async () => {
    for (const follower of followers.splice(0)) await follower.stop();
    await rig?.[Symbol.asyncDispose]();
  });
  return () => {
    if (kit === undefined) throw new TypeError("used outside a test");
    return kit;
  };
}
