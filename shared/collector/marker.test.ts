import { describe, expect, onTestFinished, test } from "vitest";
import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type { EntryLog } from "../entry-log/entry-log.ts";
import { leaseRenewalMs, leaseSubject } from "../model/collector-lease.ts";
import type { CollectorLease } from "../model/collector-lease.ts";
import { allSubjects, decodeSubject, syncMarkerKind, termSubject } from "../model/subject.ts";
import { createTerm } from "../model/term.ts";
import { ownerOf } from "./ownership.ts";
import { contentOf } from "./publisher-rig.ts";
import { startScripted } from "./scripted-view-rig.ts";
import { newBucket } from "./source-rig.ts";

const { signal: never } = new AbortController();
const soon = { timeout: 20_000, interval: 2 };

/** The other replica of a source, as its lease and the term show it. It lives as long as the test. */
class OtherReplica {
  readonly bucket = newBucket();
  readonly entryLog: EntryLog = new EmbeddedEntryLog();
  readonly name: string;

  #settledTerm = "";

  constructor(name: string) {
    this.name = name;
    const timer = setInterval(() => void this.#renew(), leaseRenewalMs);
    onTestFinished(() => clearInterval(timer));
  }

  /** Its lease says that it has published its share under this term; empty: under none yet. */
  async settle(settledTerm: string): Promise<void> {
    this.#settledTerm = settledTerm;
    await this.#renew();
  }

  async #renew(): Promise<void> {
    const lease: CollectorLease = {
      registry: "eureka",
      source: "default",
      member: this.name,
      version: "0",
      startedAt: new Date().toISOString(),
      state: "ready",
      lastReadAt: null,
      error: null,
      failingSince: null,
      settledTerm: this.#settledTerm,
      published: 0,
      held: 0,
    };
    const subject = leaseSubject(this.bucket.root, "eureka", "default", this.name);
    await this.bucket.bucket.publish([{ subject, data: Buffer.from(JSON.stringify(lease)) }], never);
  }

  /** Both replicas share the source from here on. */
  async writeTerm(member: string): Promise<string> {
    const term = createTerm("eureka", "default", 9, [member, this.name]);
    const subject = termSubject("eureka", "default");
    await this.entryLog.publish([{ subject, data: Buffer.from(JSON.stringify(term)) }], never);
    return term.spec.id;
  }
}

async function markersOf(entryLog: EntryLog): Promise<number> {
  let markers = 0;
  const stop = new AbortController();
  for await (const event of entryLog.follow(allSubjects, stop.signal)) {
    if (event.type === "caught-up") stop.abort();
    else if (event.type === "put" && decodeSubject(event.subject)?.kind === syncMarkerKind) {
      markers = event.sequence;
    }
  }
  return markers;
}

/** A replica that shares its source with another one, whose name makes it (not) the marker's owner. */
async function startWithOther(ownsMarker: boolean) {
  for (let attempt = 0;; attempt++) {
    const other = new OtherReplica(`other-${attempt}`);
    const started = await startScripted(other);
    const { share } = started.collector;
    if ((ownerOf("sync-marker", [share.member, other.name].toSorted()) === share.member) !== ownsMarker) {
      await started.running[Symbol.asyncDispose]();
      continue;
    }
    started.view.read(Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`s${n}`, [`10.0.0.${n}`]])));
    await expect.poll(() => started.collector.isSettled, soon).toBe(true);
    await other.settle("");
    await expect.poll(() => share.living.length, soon).toBe(2);
    const before = await markersOf(other.entryLog);
    const term = await other.writeTerm(share.member);
    await expect.poll(() => share.term?.id, soon).toBe(term);
    // Its own share is published under the term, and its lease says so.
    await expect.poll(() => share.unsettled, soon).toEqual([other.name]);
    return { ...started, other, term, before };
  }
}

describe("the sync marker", () => {
  test("comes when the other replicas have published their shares as well, and not before", async () => {
    const { view, running, collector, other, term, before } = await startWithOther(true);
    // What comes after the marker would have come shows that there was none.
    view.name("s1", "10.9.9.9");
    view.name("s2", "10.9.9.9");
    view.name("s3", "10.9.9.9");
    view.name("s4", "10.9.9.9");
    const changed = async () =>
      [...(await contentOf(running.entryLog)).values()].filter(({ manifest }) =>
        manifest.spec.endpoints?.[0]?.address === "10.9.9.9"
      ).length;
    const owned = ["s1", "s2", "s3", "s4"].filter((unit) => collector.share.owns(unit)).length;
    await expect.poll(changed, soon).toBe(owned);
    expect(await markersOf(other.entryLog)).toBe(before);
    expect(collector.isSettled).toBe(false);
    // Aggregators learn of it from the lease.
    const { share } = collector;
    const lease = () => share.living.find(({ member }) => member === share.member);
    await expect.poll(lease, soon).toMatchObject({ unsettled: [other.name], stuck: [] });
    await other.settle(term);
    await expect.poll(() => collector.isSettled, soon).toBe(true);
    await expect.poll(lease, soon).toMatchObject({ unsettled: [] });
    expect(await markersOf(other.entryLog)).toBeGreaterThan(before);
  });

  test("is left to its owner", async () => {
    const { view, running, collector, other, term, before } = await startWithOther(false);
    await other.settle(term);
    await expect.poll(() => collector.share.isSettled, soon).toBe(true);
    expect(collector.isSettled).toBe(true);
    for (let n = 0; n < 20; n++) view.name(`s${n}`, "10.9.9.9");
    const owned = Array.from({ length: 20 }, (_, n) => `s${n}`).filter((unit) => collector.share.owns(unit));
    const changed = async () =>
      [...(await contentOf(running.entryLog)).values()].filter(({ manifest }) =>
        manifest.spec.endpoints?.[0]?.address === "10.9.9.9"
      ).length;
    await expect.poll(changed, soon).toBe(owned.length);
    expect(await markersOf(other.entryLog)).toBe(before);
  });
});
