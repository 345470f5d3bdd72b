import { onTestFinished } from "vitest";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { EntryLog } from "../../shared/entry-log/entry-log.ts";
import { factsRoot } from "../../shared/facts/fact-subject.ts";
import { FactsFollower } from "../../shared/facts/facts-follower.ts";
import { readManifest } from "../../shared/collector/published-entry.ts";
import { allSubjects } from "../../shared/model/subject.ts";
import { createLogger } from "../../shared/runtime/log.ts";

const log = createLogger("test");
log.level = "silent";

/** A log of facts in memory. */
export function newFactsLog(): EntryLog {
  return new EmbeddedEntryLog(new Date(), factsRoot);
}

/** Follows facts until the test ends. */
export function followFacts(factsLog: EntryLog, waitMs = 60_000): FactsFollower {
  const facts = new FactsFollower({ factsLog, home: "home", waitMs, log });
  const stop = new AbortController();
  const running = facts.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await running;
  });
  return facts;
}

/** An entry log that counts what is published of each ServiceEntry, by its name. */
export class CountingLog extends EmbeddedEntryLog {
  readonly published = new Map<string, number>();

  override async publish(...[records, signal]: Parameters<EmbeddedEntryLog["publish"]>) {
    for (const { data } of records) {
      const manifest = data === null ? undefined : readManifest(data);
      if (manifest?.kind !== "ServiceEntry") continue;
      const { name } = manifest.metadata;
      this.published.set(name, (this.published.get(name) ?? 0) + 1);
    }
    return await super.publish(records, signal);
  }

  /** Labels of the endpoints of an entry, by address. */
  async labels(name: string): Promise<Record<string, Readonly<Record<string, string>>>> {
    for await (const { data } of this.readBack(allSubjects)) {
      const manifest = readManifest(data);
      if (manifest?.kind !== "ServiceEntry" || manifest.metadata.name !== name) continue;
      return Object.fromEntries(
        (manifest.spec.endpoints ?? []).map(({ address = "", labels = {} }) => [address, labels]),
      );
    }
    return {};
  }
}
