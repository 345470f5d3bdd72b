import type { Logger } from "../../../shared/runtime/log.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import { whyServed } from "./contest-text.ts";
import type { Contest } from "./settlement.ts";

/** Hosts are collected for this long, so that a start with thousands of them is a few lines, in milliseconds. */
const collectMs = 1000;

/** With more new ones at a time, one line names the first of them. */
const linesAtOnce = 5;

/** Maximum number of hosts that a line names. */
const namedHosts = 20;

/** Maximum number of hosts that are remembered: far more than any mesh has. */
const rememberedHosts = 200_000;

/** Says in the log, once for each host and not for each change, that several sources have it. */
export class ConflictLog implements Disposable {
  readonly #log: Logger;
  readonly #known = new Set<string>();
  #fresh: Contest[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Logs the host soon, unless it was logged before. */
  report(contest: Contest): void {
    if (this.#known.has(contest.host)) return;
    if (this.#known.size >= rememberedHosts) this.#known.clear();
    this.#known.add(contest.host);
    this.#fresh.push(contest);
    this.#timer ??= setTimeout(() => this.#flush(), collectMs).unref();
  }

  /** Logs what was reported, at once. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#flush();
  }

  #flush(): void {
    this.#timer = undefined;
    const fresh = this.#fresh;
    this.#fresh = [];
    const bad = fresh.filter(({ outcome }) => outcome === "unmergeable");
    const good = fresh.filter(({ outcome }) => outcome !== "unmergeable");
    this.#write(bad, "warn", "can't be one entry for clients, so some endpoints are not served");
    this.#write(good, "info", "are served as conflicts.mode says");
  }

  #write(contests: readonly Contest[], level: "info" | "warn", outcome: string): void {
    if (contests.length > linesAtOnce) {
      this.#log[level](
        { count: contests.length, hosts: contests.slice(0, namedHosts).map(({ host }) => host) },
        `${contests.length} hosts stand in several sources; their entries ${outcome}; ` +
          "/meshregistry/conflicts shows them",
      );
      return;
    }
    for (const contest of contests) {
      const { host, mode } = contest;
      const sources = sourcesOf(contest);
      this.#log[level](
        { host, mode, sources: sources.slice(0, namedHosts) },
        `${host} stands in ${sources.slice(0, namedHosts).join(", ")}: ${whyServed(contest)}; ` +
          `/meshregistry/conflicts?host=${host} shows its endpoints by source`,
      );
    }
  }
}

function sourcesOf({ claimants }: Contest): readonly string[] {
  return [...new Set(claimants.map(({ registry, source }) => sourceKey(registry, source)))];
}
