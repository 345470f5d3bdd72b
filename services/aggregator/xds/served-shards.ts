import type { Config } from "../../../shared/config/mod.ts";
import type { Bucket } from "../../../shared/entry-log/open-entry-log.ts";
import { errorText } from "../../../shared/runtime/errors.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import { pause } from "../../../shared/runtime/waiting.ts";

/** How long a number of shards is remembered after it was served last, in milliseconds. */
const rememberedMs = 7 * 24 * 3_600_000;

/** How often this process says that it still serves its number, in milliseconds. */
const renewalMs = 12 * 3_600_000;

/** How long a start waits for the bucket before it listens without knowing the numbers, in milliseconds. */
const patienceMs = 2000;

/** The start of the subjects under which numbers of shards lie in the bucket of the collectors' leases. */
export function shardsPrefix(root: string): string {
  return `${root}.shards.`;
}

/**
 * The largest number of shards that was served within a week, for a start: 0 if the bucket knows none, or can't be
 * read within 2 s.
 */
export async function rememberedShards({ bucket, root }: Bucket, signal: AbortSignal): Promise<number> {
  const prefix = shardsPrefix(root);
  const numbers = new Set<number>();
  const enough = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  for await (const event of bucket.follow(`${prefix}*`, enough)) {
    if (event.type === "caught-up") break;
    if (event.type === "put") numbers.add(numberOf(event.subject, prefix));
    else if (event.type === "delete") numbers.delete(numberOf(event.subject, prefix));
  }
  return Math.max(0, ...numbers);
}

/** What the record of the numbers needs. */
export interface ServedShardsOptions {
  /** The bucket of the collectors' leases; the numbers lie there under `shards.<number>`. */
  readonly bucket: Bucket;
  readonly config: Pick<Config["xds"], "shards" | "formerShards" | "trustShards">;
  /** The number of shards for which there are ports, those without a part included. */
  readonly ports: number;
  /** How many streams there are to ports without a part. */
  readonly surplus: () => number;
  readonly log: Logger;
  /** How often this process says what it serves, in milliseconds; default 12 h. */
  readonly renewalMs?: number;
}

/**
 * Remembers how many shards were served of late. An istiod that still has a source for a shard that is gone keeps what
 * it was sent there, and shows deleted services from it. If nothing listens on that port any more, the aggregator sees
 * nothing of such an istiod; but it knows from the record that there may be one. So it keeps the ports (see
 * {@link rememberedShards}), or says why it doesn't. The number stays on record while such an istiod is connected.
 */
export class ServedShards {
  readonly #options: ServedShardsOptions;
  /** The larger numbers that were served, with the time of the last record, RFC 3339. */
  readonly #larger = new Map<number, string>();

  constructor(options: ServedShardsOptions) {
    this.#options = options;
  }

  /** What to say of larger numbers, in `/ready` and in the log; undefined if there were none. */
  get remark(): string | undefined {
    const most = Math.max(0, ...this.#larger.keys());
    const { config: { shards }, ports } = this.#options;
    if (most === 0) return undefined;
    const was = `${most} shards were served until ${this.#larger.get(most)}, now there are ${shards}`;
    if (most <= ports) {
      return `${was}: the ports of the others are kept for an istiod that still has sources for them. Leave them in the ` +
        "Service until each istiod has the sources of meshctl config-sources";
    }
    return `${was}: an istiod that still has sources for the others shows deleted services from them. ` +
      `${this.#remedy(most)}, or give each istiod the sources of meshctl config-sources and restart it`;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#follow(signal), this.#record(signal)]);
  }

  #remedy(most: number): string {
    const { formerShards, trustShards } = this.#options.config;
    if (trustShards) return "Set xds.trustShards to false, so that the aggregator keeps their ports";
    if (formerShards > 0) return `Set xds.formerShards to ${most}`;
    return "Restart this aggregator, which then keeps their ports";
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { bucket: { bucket, root }, config: { shards, formerShards }, ports, log } = this.#options;
    const prefix = shardsPrefix(root);
    for await (const event of bucket.follow(`${prefix}*`, signal)) {
      if (event.type === "put") {
        const number = numberOf(event.subject, prefix);
        // Who names a number knows of those below it.
        if (number > Math.max(shards, formerShards)) {
          this.#larger.set(number, Buffer.from(event.data).toString("utf8"));
        }
      } else if (event.type === "delete") this.#larger.delete(numberOf(event.subject, prefix));
      else if (event.type === "caught-up" && this.remark !== undefined) {
        const isKept = Math.max(...this.#larger.keys()) <= ports;
        log[isKept ? "info" : "warn"](this.remark);
      }
    }
  }

  async #record(signal: AbortSignal): Promise<void> {
    const { bucket: { bucket, root }, config: { shards }, ports, surplus, log } = this.#options;
    while (!signal.aborted) {
      const data = Buffer.from(new Date().toISOString());
      const numbers = surplus() > 0 ? [shards, ports] : [shards];
      try {
        const results = await bucket.publish(
          numbers.map((number) => ({ subject: `${shardsPrefix(root)}${number}`, data, ttlMs: rememberedMs })),
          signal,
        );
        const refusal = results.find(({ status }) => status === "refused" || status === "rejected");
        if (refusal !== undefined && "reason" in refusal) {
          log.warn(
            { reason: refusal.reason },
            "cannot record the number of shards: a smaller number will not be noticed later; " +
              "allow the aggregator to publish `shards.>` in the bucket",
          );
        }
      } catch (error) {
        if (!signal.aborted) log.debug({ reason: errorText(error) }, "cannot record the number of shards");
      }
      await pause(this.#options.renewalMs ?? renewalMs, signal);
    }
  }
}

/** The number in a subject; 0 for one that has none. */
function numberOf(subject: string, prefix: string): number {
  const text = subject.slice(prefix.length);
  return /^\d{1,6}$/.test(text) ? Number(text) : 0;
}
