import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type { EntryLog, LogRecord } from "../entry-log/entry-log.ts";
import { leaseSubject } from "../model/collector-lease.ts";
import type { CollectorLease } from "../model/collector-lease.ts";
import { allSubjects, decodeSubject, encodeSubject, termSubject } from "../model/subject.ts";
import { createTerm } from "../model/term.ts";
import { bound, contentOf, service } from "./publisher-rig.ts";
import { startScripted } from "./scripted-view-rig.ts";
import { newBucket } from "./source-rig.ts";
import type { RunningSource } from "./source-rig.ts";

const { signal: never } = new AbortController();
const soon = { timeout: 10_000, interval: 2 };
const twenty = Object.fromEntries(
  Array.from({ length: 20 }, (_, index) => [`s${index}`, [`10.0.0.${index}`]] as const),
);
const without = (...names: readonly string[]) =>
  Object.fromEntries(Object.entries(twenty).filter(([name]) => !names.includes(name)));

/** Services of the log that have an endpoint. */
async function live({ entryLog }: RunningSource): Promise<number> {
  const found = [...(await contentOf(entryLog)).values()];
  return found.filter(({ manifest }) => (manifest.spec.endpoints ?? []).length > 0).length;
}

/** The hosts of the one Sidecar. */
async function sidecarHosts({ entryLog }: RunningSource): Promise<string[]> {
  for await (const { subject, data } of entryLog.readBack(allSubjects, new AbortController().signal)) {
    if (decodeSubject(subject)?.kind !== "Sidecar") continue;
    return JSON.parse(Buffer.from(data).toString("utf8")).spec.egress[0].hosts;
  }
  return [];
}

/** A collector of twenty services that are published. */
async function startTwenty() {
  const started = await startScripted();
  started.view.read(twenty);
  await expect.poll(() => started.collector.isSettled, soon).toBe(true);
  expect(await live(started.running)).toBe(20);
  return started;
}

describe("SourceCollector", () => {
  test("empties what a complete read lacks, if all is well and it is little", async () => {
    const { view, running } = await startTwenty();
    view.read(without("s1"));
    await expect.poll(() => live(running), soon).toBe(19);
  });

  test.each([["while some application is unknown"], ["while a part of the registry can't be read"]])(
    "keeps what a complete read lacks %s",
    async (when) => {
      const { view, running } = await startTwenty();
      if (when.includes("unknown")) view.isUnsure = true;
      else view.error = "connection refused";
      view.read({ ...without("s1"), new1: ["10.1.0.1"] });
      // What is new shows that everything was compared.
      await expect.poll(() => live(running), soon).toBe(21);
      view.isUnsure = false;
      view.error = undefined;
      view.read({ ...without("s1"), new1: ["10.1.0.1"] });
      await expect.poll(() => live(running), soon).toBe(20);
    },
  );

  test("keeps the last endpoints of a service where the configuration says so", async () => {
    const { view, running } = await startTwenty();
    view.keepsLastEndpoints = true;
    view.name("s1");
    view.name("new1", "10.1.0.1");
    await expect.poll(() => live(running), soon).toBe(21);
  });

  test("a loss by name takes nothing from what is held", async () => {
    const { view, running, collector } = await startTwenty();
    view.read(without("s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12"));
    await expect.poll(() => collector.publisher.held().size, soon).toBe(12);
    view.name("s1", "10.9.9.9");
    await expect.poll(
      async () => (await contentOf(running.entryLog)).get("s1")?.manifest.spec.endpoints,
      soon,
    )
      .toHaveLength(2);
    view.name("s1");
    view.name("new1", "10.1.0.1");
    await expect.poll(() => live(running), soon).toBe(21);
  });

  test("a comparison that finds nothing new while losses are held is no line of the log", async () => {
    const lines: { level: number; msg: string; held?: number }[] = [];
    const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const { view, collector } = await startScripted({ log });
    const compared = (level: number) =>
      lines.filter((line) => line.msg.startsWith("compared") && line.level === level);
    view.read(twenty);
    await expect.poll(() => collector.isSettled, soon).toBe(true);
    view.read({});
    await expect.poll(() => compared(30).at(-1)?.held, soon).toBe(20);
    const toldBefore = compared(30).length;
    for (const times of [1, 2, 3]) {
      view.read({});
      await expect.poll(() => compared(20).length, soon).toBeGreaterThanOrEqual(times);
    }
    expect(compared(30)).toHaveLength(toldBefore);
    view.read(twenty);
    await expect.poll(() => compared(30).at(-1)?.held, soon).toBe(0);
  });

  test.each([["the guard holds something"], ["the registry can't be read"]])(
    "no dependency is dropped while %s",
    async (when) => {
      const { view, running, collector } = await startTwenty();
      view.sidecars.hosts = ["a.example", "b.example"];
      view.name("new1", "10.1.0.1");
      await expect.poll(() => sidecarHosts(running), soon).toEqual(["*/a.example", "*/b.example"]);
      if (when.includes("guard")) {
        view.read({});
        await expect.poll(() => collector.publisher.isHolding, soon).toBe(true);
      } else view.error = "connection refused";
      view.sidecars.hosts = ["b.example", "c.example"];
      view.name("new2", "10.1.0.2");
      const all = ["*/a.example", "*/b.example", "*/c.example"];
      await expect.poll(() => sidecarHosts(running), soon).toEqual(all);
      view.error = undefined;
      view.read({ ...twenty, new1: ["10.1.0.1"], new2: ["10.1.0.2"] });
      await expect.poll(() => sidecarHosts(running), soon).toEqual(["*/b.example", "*/c.example"]);
    },
  );

  test("publishes nothing of a registry that was never read completely", async () => {
    const { view, running, collector } = await startScripted();
    view.name("a", "10.0.0.1");
    expect(collector.notReady).toBe("The registry not read yet");
    view.error = "connection refused";
    expect(collector.notReady).toBe("The registry not read yet: connection refused");
    expect(await live(running)).toBe(0);
    view.error = undefined;
    view.read({ a: ["10.0.0.1"] });
    await expect.poll(() => live(running), soon).toBe(1);
    expect(collector.notReady).toBeUndefined();
  });

  test("isn't ready before it had a share, and says that it gets none where its lease is refused", async () => {
    const { bucket: leases, root } = newBucket();
    let isRefused = true;
    const refusing: EntryLog = {
      ...bound(leases),
      publish: (records, signal) =>
        isRefused
          ? Promise.resolve(records.map(() => ({ status: "refused", reason: "no permission" })))
          : leases.publish(records, signal),
    };
    const bucket = { bucket: refusing, root };
    const { view, running, collector } = await startScripted({ bucket });
    view.read({ a: ["10.0.0.1"] });
    await expect.poll(() => collector.remark, soon).toMatch(
      /lease of this replica can't be renewed.*no permission/,
    );
    expect(collector.notReady).toMatch(/^no share of the source published yet: .*no permission/);
    expect(await live(running)).toBe(0);
    isRefused = false;
    await expect.poll(() => collector.isSettled, soon).toBe(true);
    expect(collector.notReady).toBeUndefined();
    // Its place would be taken by none that is better.
    isRefused = true;
    await expect.poll(() => collector.remark, soon).toMatch(/no permission/);
    expect(collector.notReady).toBeUndefined();
  });

  test("isn't ready where the log can't be reached at its start", async () => {
    const { bucket, root } = newBucket();
    const stuck: EntryLog = {
      ...bound(bucket),
      publish: (_records, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
        }),
      status: () => ({ connected: false, detail: "can't connect to nats:4222" }),
    };
    const { view, collector } = await startScripted({ entryLog: stuck, bucket: { bucket, root } });
    view.read({ a: ["10.0.0.1"] });
    expect(collector.notReady).toBe("no share of the source published yet: can't connect to nats:4222");
  });

  test("says that the log has no room, though it can be reached", async () => {
    const log = new EmbeddedEntryLog();
    let full: string | undefined = "maximum bytes exceeded";
    let stalled: string | undefined;
    const status = () => ({ connected: true, detail: "here", full, stalled });
    const entryLog: EntryLog = { ...bound(log), status };
    const bucket = newBucket();
    const { view, collector } = await startScripted({ entryLog, bucket });
    const leases: string[] = [];
    const stop = new AbortController();
    const following = (async () => {
      for await (const event of bucket.bucket.follow(`${bucket.root}.lease.>`, stop.signal)) {
        if (event.type === "put") leases.push(Buffer.from(event.data).toString());
      }
    })();
    view.read({ a: ["10.0.0.1"] });
    await expect.poll(() => collector.isSettled, soon).toBe(true);
    expect(collector.remark).toMatch(
      /^the entry log has no room for new messages.*: maximum bytes exceeded$/,
    );
    await expect.poll(() => leases.at(-1), soon)
      .toContain('"unpublished":"no room for new messages: maximum bytes exceeded"');
    full = undefined;
    expect(collector.remark).toBeUndefined();
    stalled = "NATS has acknowledged nothing";
    expect(collector.remark).toBe("changes are missing: NATS has acknowledged nothing");
    await expect.poll(() => leases.at(-1), soon).toContain(`"unpublished":"${stalled}"`);
    stop.abort();
    await following;
  });

  test.each([
    ["before Sidecars are published", "ServiceEntry"],
    ["while Sidecars are published", "Sidecar"],
  ])(
    "deletes no Sidecar under another term than the one under which it found it gone: the term ends %s",
    async (_when, kind) => {
      const log = new EmbeddedEntryLog();
      const deleted: LogRecord[] = [];
      let newTerm: (() => Promise<void>) | undefined;
      const slow: EntryLog = {
        ...bound(log),
        publish: async (records, signal) => {
          deleted.push(...records.filter(({ data }) => data === null));
          const results = await log.publish(records, signal);
          if (records.some(({ subject }) => decodeSubject(subject)?.kind === kind)) await newTerm?.();
          return results;
        },
      };
      const bucket = newBucket();
      await bucket.bucket.publish([leaseOfOther(bucket.root)], never);
      const { view, running, collector } = await startScripted({ entryLog: slow, bucket });
      view.sidecars.hosts = ["a.example"];
      view.read(twenty);
      await expect.poll(() => sidecarHosts(running), soon).toEqual(["*/a.example"]);
      await expect.poll(() => collector.isSettled, soon).toBe(true);
      const refresh = Promise.withResolvers<void>();
      view.onRefresh = () => refresh.promise;
      newTerm = async () => {
        newTerm = undefined;
        const { registry, source, share } = collector;
        const term = createTerm(registry, source, 7, [share.member]);
        await log.publish(
          [{ subject: termSubject(registry, source), data: Buffer.from(JSON.stringify(term)) }],
          never,
        );
        await expect.poll(() => share.term?.number, soon).toBe(7);
      };
      view.sidecars.gone = ["web"];
      view.sidecars.hosts = ["a.example", "b.example"];
      view.read({ ...twenty, new1: ["10.1.0.1"] });
      await expect.poll(() => collector.share.term?.number, soon).toBe(7);
      view.sidecars.gone = [];
      refresh.resolve();
      await expect.poll(() => collector.isSettled, soon).toBe(true);
      expect(deleted).toEqual([]);
    },
  );

  test("takes no late event of the leases for the end of other replicas", async () => {
    const log = { entryLog: new EmbeddedEntryLog(), bucket: newBucket() };
    let held: PromiseWithResolvers<void> | undefined;
    const lagging: EntryLog = {
      ...bound(log.bucket.bucket),
      follow: async function* (filter, signal) {
        for await (const event of log.bucket.bucket.follow(filter, signal)) {
          await held?.promise;
          yield event;
        }
      },
    };
    const first = await startScripted(log);
    const second = await startScripted({ ...log, bucket: { ...log.bucket, bucket: lagging } });
    for (const { view } of [first, second]) view.read(twenty);
    const settled = () =>
      [first, second].every(({ collector }) =>
        collector.isSettled && collector.share.term?.members.length === 2
      );
    await expect.poll(settled, soon).toBe(true);
    const term = second.collector.share.term?.id;
    held = Promise.withResolvers();
    // Longer than a lease lasts, measured by the leases that the other replica stores meanwhile.
    let renewals = 0;
    const stop = new AbortController();
    for await (const event of log.bucket.bucket.follow(`${log.bucket.root}.>`, stop.signal)) {
      if (event.type === "put" && event.subject.endsWith(first.collector.share.member)) renewals++;
      if (renewals === 6) stop.abort();
    }
    expect(second.collector.share.living).toHaveLength(2);
    held.resolve();
    held = undefined;
    await expect.poll(settled, soon).toBe(true);
    expect(second.collector.share.term?.id).toBe(term);
  });

  test.each([["an older content"], ["a tombstone"], ["a service that is gone"]])(
    "writes over %s that a stream's predecessor let pass: sequences, and so fences, repeat",
    async (late) => {
      const { running, collector } = await startTwenty();
      const fence = {
        subject: termSubject("eureka", "default"),
        sequence: collector.share.term?.sequence ?? 0,
      };
      const name = late === "a service that is gone" ? "s99" : "s1";
      const data = late === "a tombstone" ? null : Buffer.from(JSON.stringify(service(name, ["10.9.9.9"])));
      const subject = encodeSubject({
        kind: "ServiceEntry",
        registry: "eureka",
        source: "default",
        namespace: "n",
        name,
      });
      const provenance = { unit: name, member: "of the lost stream" };
      const [stored] = await running.entryLog.publish([{ subject, data, fence, provenance }], never);
      expect(stored?.status).toBe("stored");
      const addresses = async () =>
        (await contentOf(running.entryLog)).get(name)?.manifest.spec.endpoints?.map(({ address }) => address);
      await expect.poll(addresses, soon).toEqual(name === "s1" ? ["10.0.0.1"] : undefined);
      expect(await live(running)).toBe(20);
    },
  );

  test("replaces a term that can't be read, whether it finds one or sees one come", async () => {
    const entryLog = new EmbeddedEntryLog();
    const garbage = [{ subject: termSubject("eureka", "default"), data: Buffer.from("garbage") }];
    await entryLog.publish(garbage, never);
    const { view, running, collector } = await startScripted({ entryLog });
    view.read({ a: ["10.0.0.1"] });
    await expect.poll(() => collector.isSettled, soon).toBe(true);
    await entryLog.publish(garbage, never);
    view.name("b", "10.0.0.2");
    await expect.poll(() => live(running), soon).toBe(2);
  });

  test("works under its last term, also if an earlier one's refresh of the view ends later", async () => {
    const entryLog = new EmbeddedEntryLog();
    const bucket = newBucket();
    await bucket.bucket.publish([leaseOfOther(bucket.root)], never);
    const { view, collector } = await startScripted({ entryLog, bucket });
    const refreshes: PromiseWithResolvers<void>[] = [];
    view.onRefresh = () => {
      const refresh = Promise.withResolvers<void>();
      refreshes.push(refresh);
      return refresh.promise;
    };
    view.read({ a: ["10.0.0.1"] });
    await expect.poll(() => refreshes.length, soon).toBe(1);
    const { registry, source, share } = collector;
    const next = createTerm(registry, source, 2, [share.member]);
    const subject = termSubject(registry, source);
    await entryLog.publish([{ subject, data: Buffer.from(JSON.stringify(next)) }], never);
    await expect.poll(() => refreshes.length, soon).toBe(2);
    refreshes[1]?.resolve();
    refreshes[0]?.resolve();
    await expect.poll(() => collector.isSettled, soon).toBe(true);
  });
});

/** Another replica's lease: it has not read the registry yet, so it shares nothing. */
function leaseOfOther(root: string): LogRecord {
  const lease: CollectorLease = {
    registry: "eureka",
    source: "default",
    member: "other",
    version: "0",
    startedAt: new Date().toISOString(),
    state: "reading",
    lastReadAt: null,
    error: null,
    failingSince: null,
    settledTerm: "",
    published: 0,
    held: 0,
  };
  const subject = leaseSubject(root, lease.registry, lease.source, lease.member);
  return { subject, data: Buffer.from(JSON.stringify(lease)) };
}
