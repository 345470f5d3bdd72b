import { describe, expect, test } from "vitest";
import type { SpanStart, TracedSpan, Tracing } from "../../../shared/telemetry/tracing.ts";
import { PushTraces } from "./push-traces.ts";

/** Notes what is recorded: each span's name is the end of its context. */
class Notes implements Tracing {
  readonly lines: string[] = [];
  #count = 0;

  span(name: string, { parent = "-", links = [] }: SpanStart): TracedSpan {
    const traceparent = `${name}${++this.#count}`;
    this.lines.push([`${parent} > ${traceparent}`, ...links].join(" + "));
    return {
      traceparent,
      end: (error) => this.lines.push(`${traceparent} ends${error === undefined ? "" : `: ${error}`}`),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** What was said of pushes since the last call. */
  take(): string[] {
    return this.lines.splice(0).filter((line) => line.includes("push"));
  }
}

async function startTraces() {
  const notes = new Notes();
  const traces = new PushTraces(notes);
  const change = async (parent: string) => {
    await traces.ingest("ServiceEntry", "subject", parent, () => {});
  };
  await change("before");
  const client = traces.client();
  return { notes, traces, client, change };
}

describe("traces of pushes", () => {
  test("a push follows from all changes that it brings, and ends with the answer", async () => {
    const { notes, client, change } = await startTraces();
    client.sent("ServiceEntry", {});
    expect(notes.take()).toEqual([]);
    await change("a");
    await change("b");
    client.changed();
    client.sent("Sidecar", {});
    expect(notes.take()).toEqual([]);
    client.sent("ServiceEntry", {});
    expect(notes.take()).toEqual(["ingest2 > push4 + ingest3"]);
    client.answered("Sidecar");
    client.answered("ServiceEntry");
    client.answered("ServiceEntry");
    expect(notes.take()).toEqual(["push4 ends"]);
    client.sent("ServiceEntry", {});
    expect(notes.take()).toEqual([]);
  });

  test("a refusal, another response and the client's end are said", async () => {
    const { notes, client, change } = await startTraces();
    await change("a");
    client.sent("ServiceEntry", {});
    client.answered("ServiceEntry", "bad host");
    await change("b");
    client.sent("ServiceEntry", {});
    await change("c");
    client.sent("ServiceEntry", {});
    client.close();
    expect(notes.take()).toEqual([
      "ingest2 > push3",
      "push3 ends: bad host",
      "ingest4 > push5",
      "push5 ends: another response follows",
      "ingest6 > push7",
      "push7 ends: the client left before it answered",
    ]);
  });

  test("what the client doesn't see is no part of its next push, what it hasn't heard of yet is", async () => {
    const { notes, client, change } = await startTraces();
    await change("unseen");
    client.changed();
    await change("not told yet");
    client.settled();
    client.changed();
    client.sent("ServiceEntry", {});
    expect(notes.take()).toEqual(["ingest3 > push4"]);
  });

  test("a message that can't be taken in ends its span, too", async () => {
    const { notes, traces } = await startTraces();
    notes.take();
    const work = () => Promise.reject(new Error("no"));
    await expect(traces.ingest("ServiceEntry", "s", "a", work)).rejects.toThrow("no");
    expect(notes.lines).toEqual(["a > ingest2", "ingest2 ends"]);
  });
});
