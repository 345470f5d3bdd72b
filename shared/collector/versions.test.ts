import { describe, expect, onTestFinished, test } from "vitest";
import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import { leaseRenewalMs, leaseSubject } from "../model/collector-lease.ts";
import { termSubject } from "../model/subject.ts";
import { ownerOf } from "./ownership.ts";
import { contentOf } from "./publisher-rig.ts";
import { startScripted } from "./scripted-view-rig.ts";
import { newBucket } from "./source-rig.ts";

const { signal: never } = new AbortController();
const soon = { timeout: 20_000, interval: 2 };
const services = Object.fromEntries(
  Array.from({ length: 40 }, (_, index) => [`s${index}`, [`10.0.0.${index}`]] as const),
);

/** A lease as the program of November 2026 (commit `eb0afe9`) wrote it. */
const recordedLease = (member: string, settledTerm: string) =>
  `{"registry":"eureka","source":"default","member":"${member}","version":"0.0.0",` +
  `"startedAt":"2026-11-30T06:00:00.000Z","state":"ready","lastReadAt":"2026-11-30T06:00:01.000Z","error":null,` +
  `"failingSince":null,"settledTerm":"${settledTerm}","published":40,"held":0}`;

/** A term as the same program wrote it. */
const recordedTerm = (id: string, members: readonly string[]) =>
  `{"apiVersion":"meshregistry.io/v1","kind":"Term","metadata":{"name":"eureka.default"},"spec":{"registry":"eureka",` +
  `"source":"default","id":"${id}","number":3,"members":${
    JSON.stringify(members)
  },"at":"2026-11-30T06:00:02.000Z"}}`;

/** What a later program may add: keys that this one doesn't know, at any depth. */
const withMore = (text: string) => text.replaceAll("{", `{"zones":["a"],"load":{"share":0.5},`);

describe.each([["an older", (text: string) => text], ["a newer", withMore]])(
  "%s program as a replica of the same source",
  (_which, written) => {
    test("shares the work, and its share is left to it", async () => {
      const [bucket, entryLog] = [newBucket(), new EmbeddedEntryLog()];
      let settledTerm = "";
      const renew = async () => {
        const subject = leaseSubject(bucket.root, "eureka", "default", "a-other");
        const data = Buffer.from(written(recordedLease("a-other", settledTerm)));
        await bucket.bucket.publish([{ subject, data }], never);
      };
      await renew();
      const timer = setInterval(() => void renew(), leaseRenewalMs / 2);
      onTestFinished(() => clearInterval(timer));
      const { view, collector } = await startScripted({ bucket, entryLog });
      const { share } = collector;
      view.read(services);
      await expect.poll(() => share.living.length, soon).toBe(2);
      const members = ["a-other", share.member].toSorted();
      const term = written(recordedTerm("of-the-other", members));
      const subject = termSubject("eureka", "default");
      await entryLog.publish([{ subject, data: Buffer.from(term) }], never);
      await expect.poll(() => share.term?.id, soon).toBe("of-the-other");
      await expect.poll(() => share.unsettled, soon).toEqual(["a-other"]);
      settledTerm = "of-the-other";
      await expect.poll(() => share.isSettled, soon).toBe(true);
      view.read(Object.fromEntries(Object.keys(services).map((name) => [name, ["10.9.9.9"]])));
      const owned = Object.keys(services).filter((unit) => ownerOf(unit, members) === share.member);
      const changed = async () =>
        [...await contentOf(entryLog)].filter(([, { manifest }]) =>
          manifest.spec.endpoints?.[0]?.address === "10.9.9.9"
        ).map(([name]) => name).toSorted();
      await expect.poll(changed, soon).toEqual(owned.toSorted());
      // Both programs agree on the members, so none of them writes another term.
      expect(share.term?.id).toBe("of-the-other");
    });
  },
);
