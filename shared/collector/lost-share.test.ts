import { expect, onTestFinished, test, vi } from "vitest";
import { leaseSubject } from "../model/collector-lease.ts";
import type { CollectorLease } from "../model/collector-lease.ts";
import { decodeSubject, encodeSubject, syncMarkerKind, termKind, termSubject } from "../model/subject.ts";
import { createTerm } from "../model/term.ts";
import { ownerOf } from "./ownership.ts";
import { contentOf, service } from "./publisher-rig.ts";
import { ResettableLog } from "./resettable-log-rig.ts";
import { startScripted } from "./scripted-view-rig.ts";
import { newBucket } from "./source-rig.ts";

const { signal: never } = new AbortController();
const soon = { timeout: 20_000, interval: 2 };
const names = Array.from({ length: 20 }, (_, index) => `s${index}`);

/** A replica that only has a lease, which says what the test wants. */
function pretendReplica(
  bucket: ReturnType<typeof newBucket>,
  member: string,
  settledTerm: () => string,
): void {
  const renew = async () => {
    const lease: CollectorLease = {
      registry: "eureka",
      source: "default",
      member,
      version: "0",
      startedAt: new Date().toISOString(),
      state: "ready",
      lastReadAt: null,
      error: null,
      failingSince: null,
      settledTerm: settledTerm(),
      published: 0,
      held: 0,
    };
    const subject = leaseSubject(bucket.root, lease.registry, lease.source, member);
    await bucket.bucket.publish([{ subject, data: Buffer.from(JSON.stringify(lease)) }], never);
  };
  const timer = setInterval(() => void renew(), 100);
  onTestFinished(() => clearInterval(timer));
}

/** A collector and a replica that only pretends to publish, which leaves the marker to it; they share 20 services. */
async function startBesidePretended() {
  const entryLog = new ResettableLog();
  const bucket = newBucket();
  const { view, collector } = await startScripted({ entryLog, bucket });
  const { share } = collector;
  const other = Array.from({ length: 100 }, (_, index) => `zzz${index}`).find((name) =>
    ownerOf("sync-marker", [share.member, name]) === share.member
  );
  if (other === undefined) throw new TypeError("no name leaves the marker to the collector");
  const isForeign = (name: string) => ownerOf(name, [share.member, other]) === other;
  const writeForeign = async () => {
    for (const name of names.filter(isForeign)) {
      const subject = encodeSubject({
        kind: "ServiceEntry",
        namespace: "n",
        name,
        registry: "eureka",
        source: "default",
      });
      const data = Buffer.from(JSON.stringify(service(name, ["10.0.0.1"])));
      await entryLog.publish([{ subject, data, provenance: { unit: name, member: other } }]);
    }
  };
  const count = async () =>
    [...(await contentOf(entryLog)).keys()].filter((name) => names.includes(name)).length;
  const hasMarker = async () => (await contentOf(entryLog)).has(syncMarkerKind);
  pretendReplica(bucket, other, () => share.term?.id ?? "");
  view.read(Object.fromEntries(names.map((name) => [name, ["10.0.0.1"]])));
  await expect.poll(() => share.term?.members, soon).toEqual([share.member, other]);
  await writeForeign();
  await expect.poll(() => collector.isSettled, soon).toBe(true);
  await expect.poll(count, soon).toBe(20);
  const own = names.filter((name) => !isForeign(name));
  return { entryLog, view, collector, writeForeign, count, hasMarker, own };
}

test("no marker while the entries of another replica are gone from the stream, though it has published them", async () => {
  const { entryLog, view, collector: { share }, writeForeign, count, hasMarker, own } =
    await startBesidePretended();
  await entryLog.keepOnly((subject) => decodeSubject(subject)?.kind === termKind);
  await expect.poll(count, soon).toBe(own.length);
  await expect.poll(() => share.unsettled, soon).toEqual([]);
  // A round of the collector's loop later a marker would be there.
  view.name(own[0] ?? "", "10.0.0.1", "10.0.0.2");
  await expect.poll(
    async () => (await contentOf(entryLog)).get(own[0] ?? "")?.manifest.spec.endpoints,
    soon,
  ).toHaveLength(2);
  expect(await hasMarker()).toBe(false);
  await writeForeign();
  await expect.poll(hasMarker, soon).toBe(true);
});

test("a replica that can't know what a lost stream had holds up the marker no longer than its own share", async () => {
  const { entryLog, view, collector: { publisher, share }, count, hasMarker, own } =
    await startBesidePretended();
  const before = share.term?.id;
  // The other one began on the new stream, and the registry shows it nothing of its share.
  const [left = ""] = own;
  view.read({ [left]: ["10.0.0.1"] });
  entryLog.recreate();
  await expect.poll(() => share.term?.id, soon).not.toBe(before);
  await expect.poll(hasMarker, soon).toBe(true);
  expect(await count()).toBe(own.length);
  // What it knows of the other's share stays the measure of the loss, until that is let go.
  expect(publisher.held().size).toBe(19);
  expect(publisher.size).toBe(20);
  await share.requestRelease("test", never);
  await expect.poll(() => publisher.size, soon).toBe(own.length);
  expect(publisher.held().size).toBe(0);
});

test("a replica that hasn't noticed a loss reads the stream anew when the next term shows it", async () => {
  const entryLog = new ResettableLog();
  const follow = vi.spyOn(entryLog, "follow");
  const { view, collector, collector: { share } } = await startScripted({ entryLog });
  view.read({ s1: ["10.0.0.1"] });
  await expect.poll(() => collector.isSettled, soon).toBe(true);
  const before = follow.mock.calls.length;
  const term = createTerm("eureka", "default", 1, [share.member]);
  const data = Buffer.from(JSON.stringify(term));
  await entryLog.publish([{ subject: termSubject("eureka", "default"), data }]);
  await expect.poll(() => share.term?.id, soon).toBe(term.spec.id);
  expect(follow.mock.calls).toHaveLength(before + 1);
  await expect.poll(() => collector.isSettled, soon).toBe(true);
});
