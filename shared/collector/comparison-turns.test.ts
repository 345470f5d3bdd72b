import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type { EntryLog } from "../entry-log/entry-log.ts";
import type { Manifest } from "../model/manifest.ts";
import { allSubjects, decodeSubject, encodeSubject, termSubject } from "../model/subject.ts";
import { createTerm } from "../model/term.ts";
import { contentOf, service } from "./publisher-rig.ts";
import type { ChangeSink } from "./registry.ts";
import { ScriptedView, startView } from "./scripted-view-rig.ts";
import { SharedRegistry, ShareView } from "./scripted-share-rig.ts";
import { newBucket } from "./source-rig.ts";
import type { SourceRigOptions } from "./source-rig.ts";
import type { Unit } from "./unit.ts";

const { signal: never } = new AbortController();
const soon = { timeout: 20_000, interval: 2 };

/** So long a conversion takes at least, in milliseconds: many of them don't fit into one turn. */
const conversionMs = 1;
const services = Object.fromEntries(
  Array.from({ length: 100 }, (_, index) => [`s${index}`, [`10.0.0.${index}`]] as const),
);

function spin(): void {
  const endMs = performance.now() + conversionMs;
  while (performance.now() < endMs);
}

/** A registry whose conversions take time, and that does something else between two turns of a comparison. */
class SlowView extends ScriptedView {
  /** Conversions in each turn of the event loop. */
  readonly turns = [0];
  /** Is called once, in the first turn after these have been converted. */
  meanwhile: { readonly after: number; readonly act: () => void } | undefined;
  #converted = 0;

  constructor(sink: ChangeSink) {
    super(sink);
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    void this.#count(stop.signal);
  }

  override convert(unit: Unit): readonly Manifest[] {
    spin();
    this.#converted++;
    this.turns.push((this.turns.pop() ?? 0) + 1);
    if (this.meanwhile !== undefined && this.#converted >= this.meanwhile.after) {
      const { act } = this.meanwhile;
      this.meanwhile = undefined;
      setImmediate(act);
    }
    return super.convert(unit);
  }

  /** In the middle of the next comparison. `after`: the number of units that are converted by then. */
  midway(act: () => void, after = 50): void {
    this.meanwhile = { after: this.#converted + after, act };
  }

  async #count(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await nextTurn();
      if (this.turns.at(-1) !== 0) this.turns.push(0);
    }
  }
}

/** Everything that is written to a log, in its order: names of services with their addresses. */
function recordPuts(entryLog: EntryLog) {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const puts: { readonly name: string; readonly addresses: readonly string[] }[] = [];
  void (async () => {
    for await (const event of entryLog.follow(allSubjects, stop.signal)) {
      const id = decodeSubject(event.type === "put" ? event.subject : "");
      if (event.type !== "put" || id?.kind !== "ServiceEntry") continue;
      const { spec } = JSON.parse(Buffer.from(event.data).toString());
      puts.push({
        name: id.name,
        addresses: (spec.endpoints ?? []).map(({ address }: { address: string }) => address),
      });
    }
  })();
  return puts;
}

async function startSlow(options: SourceRigOptions = {}) {
  const entryLog = options.entryLog ?? new EmbeddedEntryLog();
  const puts = recordPuts(entryLog);
  return { ...await startView((sink) => new SlowView(sink), { ...options, entryLog }), entryLog, puts };
}

async function startPublished(options: SourceRigOptions = {}) {
  const started = await startSlow(options);
  started.view.read(services);
  await expect.poll(() => started.collector.isSettled, soon).toBe(true);
  await expect.poll(() => started.puts.length, soon).toBe(100);
  return started;
}

const without = (...names: readonly string[]) =>
  Object.fromEntries(Object.entries(services).filter(([name]) => !names.includes(name)));

describe("a comparison of a large registry", () => {
  test("leaves turns of the event loop to others", async () => {
    const { view } = await startPublished();
    expect(view.turns.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...view.turns) * conversionMs).toBeLessThanOrEqual(25);
  });

  test.each([["before", "s1"], ["after", "s99"]])(
    "publishes the newest content of a service that is named meanwhile, %s it was converted",
    async (_when, name) => {
      const { view, puts } = await startSlow();
      view.midway(() => view.name(name, "10.9.9.9"));
      view.read(services);
      await expect.poll(() => puts.length, soon).toBe(100);
      expect(puts.filter((put) => put.name === name)).toEqual([{ name, addresses: ["10.9.9.9"] }]);
    },
  );

  test("empties nothing that came while it was converted", async () => {
    const { view, puts } = await startPublished();
    view.midway(() => view.name("s1", "10.0.0.1"));
    view.read({ ...without("s1"), new1: ["10.1.0.1"] });
    await expect.poll(() => puts.some(({ name }) => name === "new1"), soon).toBe(true);
    view.name("new2", "10.1.0.2");
    await expect.poll(() => puts.some(({ name }) => name === "new2"), soon).toBe(true);
    expect(puts.filter(({ addresses }) => addresses.length === 0)).toEqual([]);
  });

  test("starts anew where a read shows other content meanwhile: half of a large loss isn't a small one", async () => {
    const { view, puts, collector } = await startPublished();
    // What is left to convert would be a loss that the guard lets through.
    view.midway(() => view.read({}), 80);
    view.read({ ...services, new1: ["10.1.0.1"] });
    await expect.poll(() => collector.publisher.held().size, soon).toBe(100);
    expect(puts.filter(({ addresses }) => addresses.length === 0)).toEqual([]);
  });

  test("waits for the end of a read that begins meanwhile, and takes nothing for lost until then", async () => {
    const { view, puts, collector } = await startPublished();
    view.midway(() => {
      view.isReading = true;
      view.services.delete("s99");
    });
    view.read({ ...services, new1: ["10.1.0.1"] });
    await expect.poll(() => view.isReading, soon).toBe(true);
    view.name("new2", "10.1.0.2");
    await expect.poll(() => puts.some(({ name }) => name === "new2"), soon).toBe(true);
    view.isReading = false;
    view.name("s99", "10.0.0.99");
    await expect.poll(() => puts.some(({ name }) => name === "new1"), soon).toBe(true);
    expect(puts.filter(({ addresses }) => addresses.length === 0)).toEqual([]);
    expect(collector.publisher.isHolding).toBe(false);
  });

  test("ends though each attempt is disturbed by a read", async () => {
    const { view, puts } = await startPublished();
    const disturb = () => {
      view.completed();
      view.midway(disturb);
    };
    view.midway(disturb);
    view.read({ ...services, new1: ["10.1.0.1"] });
    await expect.poll(() => puts.some(({ name }) => name === "new1"), soon).toBe(true);
    view.meanwhile = undefined;
  });

  test.each([
    ["unknown at its beginning", true, false],
    ["unknown at its end", false, true],
  ])("keeps what is missing where some application is %s", async (_when, before, after) => {
    const { view, puts } = await startPublished();
    view.isUnsure = before;
    view.midway(() => void (view.isUnsure = after));
    view.read({ ...without("s1"), new1: ["10.1.0.1"] });
    await expect.poll(() => puts.some(({ name }) => name === "new1"), soon).toBe(true);
    view.isUnsure = true;
    expect(puts.filter(({ addresses }) => addresses.length === 0)).toEqual([]);
  });

  test("publishes nothing of a term that ended meanwhile, and all of it under the next one", async () => {
    const { view, puts, collector, entryLog } = await startSlow();
    const { registry, source, share } = collector;
    view.midway(() => {
      const term = createTerm(registry, source, 7, [share.member]);
      const data = Buffer.from(JSON.stringify(term));
      void entryLog.publish([{ subject: termSubject(registry, source), data }], never);
    });
    view.read(services);
    await expect.poll(() => collector.isSettled && share.term?.number === 7, soon).toBe(true);
    await expect.poll(() => puts.length, soon).toBe(100);
    expect((await contentOf(entryLog)).get("SyncMarker")).toBeDefined();
  });

  test("takes nothing from units that a new term gives to this replica while they are compared", async () => {
    const registry = new SharedRegistry(services);
    const entryLog = new EmbeddedEntryLog();
    const puts = recordPuts(entryLog);
    await entryLog.publish(
      Object.keys(services).map((name) => {
        const id = { kind: "ServiceEntry", registry: "eureka", source: "default", namespace: "n", name };
        const data = Buffer.from(JSON.stringify(service(name, services[name] ?? [])));
        return { subject: encodeSubject(id), data, provenance: { unit: name, member: "before" } };
      }),
      never,
    );
    let converted = 0;
    let isShared = false;
    class SlowShare extends ShareView {
      override convert(unit: Unit): readonly Manifest[] {
        spin();
        if (++converted === 20) setImmediate(() => void this.#shareWithOther());
        return super.convert(unit);
      }
      /** Half of the units go to another replica and come back. */
      async #shareWithOther(): Promise<void> {
        const { share } = started.collector;
        for (const [number, members] of [[7, [share.member, "other"]], [8, [share.member]]] as const) {
          const data = Buffer.from(JSON.stringify(createTerm("eureka", "default", number, members)));
          await entryLog.publish([{ subject: termSubject("eureka", "default"), data }], never);
        }
        isShared = true;
      }
    }
    const options = { entryLog, bucket: newBucket() };
    const started = await startView((sink) => new SlowShare(sink, registry), options);
    started.view.completed();
    await expect.poll(() => isShared && started.collector.isSettled, soon).toBe(true);
    expect(puts.filter(({ addresses }) => addresses.length === 0)).toEqual([]);
  });
});
