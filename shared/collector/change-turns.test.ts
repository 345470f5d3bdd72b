import { describe, expect, test } from "vitest";
import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type { EntryLog } from "../entry-log/entry-log.ts";
import { decodeSubject, termSubject } from "../model/subject.ts";
import { createTerm } from "../model/term.ts";
import { bound } from "./publisher-rig.ts";
import { services, startPublished } from "./slow-view-rig.ts";
import type { SlowView } from "./slow-view-rig.ts";

const { signal: never } = new AbortController();
const soon = { timeout: 20_000, interval: 2 };

/** The registry names a change of each service: another address. */
function changeAll(view: SlowView): void {
  for (const name of Object.keys(services)) view.name(name, `10.1.0.${name.slice(1)}`);
}

describe("named changes of a hundred services", () => {
  test("leave turns of the event loop to others, also with Sidecars", async () => {
    const { view, puts } = await startPublished();
    view.sidecars.count = 100;
    view.sidecars.hosts = ["a.example"];
    changeAll(view);
    await expect.poll(() => puts.length, soon).toBe(200);
    await expect.poll(() => view.work.total, soon).toBeGreaterThanOrEqual(400);
    expect(view.work.longestMs).toBeLessThanOrEqual(25);
  });

  test.each([["before", "s1"], ["after", "s99"]])(
    "are followed by what changes meanwhile, %s it was converted",
    async (_when, name) => {
      const { view, puts } = await startPublished();
      view.midway(() => view.name(name, "10.9.9.9"));
      changeAll(view);
      await expect.poll(() => puts.at(-1), soon).toEqual({ name, addresses: ["10.9.9.9"] });
      expect(puts.slice(100).filter((put) => put.name === name)).toHaveLength(name === "s1" ? 2 : 1);
    },
  );

  test("aren't evidence of a loss that begins meanwhile with a read", async () => {
    const { view, puts } = await startPublished();
    view.midway(() => {
      view.isReading = true;
      view.services.delete("s99");
    });
    changeAll(view);
    await expect.poll(() => view.isReading, soon).toBe(true);
    view.name("new", "10.2.0.1");
    await expect.poll(() => puts.some(({ name }) => name === "new"), soon).toBe(true);
    view.isReading = false;
    view.name("s99", "10.1.0.99");
    await expect.poll(() => puts.length, soon).toBe(201);
    expect(puts.filter(({ addresses }) => addresses.length === 0)).toEqual([]);
  });

  test("aren't evidence of what a read finds missing meanwhile and doesn't name: that is for the guard", async () => {
    const { view, puts, collector } = await startPublished();
    view.midway(() => view.read({}), 20);
    changeAll(view);
    await expect.poll(() => collector.publisher.held().size, soon).toBe(100);
    expect(puts.filter(({ addresses }) => addresses.length === 0)).toEqual([]);
  });

  test("aren't published under the next term as they were under theirs: another replica may have been in between", async () => {
    const { view, puts, collector, entryLog } = await startPublished();
    const { registry, source, share } = collector;
    view.midway(() => {
      view.services.set("s1", ["10.9.9.9"]);
      const data = Buffer.from(JSON.stringify(createTerm(registry, source, 7, [share.member])));
      void entryLog.publish([{ subject: termSubject(registry, source), data }], never);
    });
    changeAll(view);
    await expect.poll(() => collector.isSettled && share.term?.number === 7, soon).toBe(true);
    await expect.poll(() => puts.length, soon).toBe(200);
    expect(puts.slice(100).filter(({ name }) => name === "s1")).toEqual([{
      name: "s1",
      addresses: ["10.9.9.9"],
    }]);
  });

  test("are followed by no Sidecar that was planned under an earlier term", async () => {
    const log = new EmbeddedEntryLog();
    const sidecars: string[] = [];
    const entryLog: EntryLog = {
      ...bound(log),
      publish: (records, signal) => {
        const ofSidecars = records.filter(({ subject }) => decodeSubject(subject)?.kind === "Sidecar");
        sidecars.push(...ofSidecars.map(({ data }) => Buffer.from(data ?? []).toString()));
        return log.publish(records, signal);
      },
    };
    const { view, collector } = await startPublished({ entryLog });
    const { registry, source, share } = collector;
    view.sidecars.count = 100;
    view.sidecars.hosts = ["old.example"];
    let publishing: Promise<unknown> | undefined;
    view.sidecars.isPlanned = () => {
      view.sidecars.hosts = ["new.example"];
      const data = Buffer.from(JSON.stringify(createTerm(registry, source, 7, [share.member])));
      publishing ??= log.publish([{ subject: termSubject(registry, source), data }], never);
      return share.term?.number === 7;
    };
    changeAll(view);
    await expect.poll(() => collector.isSettled && share.term?.number === 7, soon).toBe(true);
    expect(sidecars).toHaveLength(100);
    expect(sidecars.filter((text) => text.includes("old.example"))).toEqual([]);
  });
});
