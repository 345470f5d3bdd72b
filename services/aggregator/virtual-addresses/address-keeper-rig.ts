import { onTestFinished } from "vitest";
import { EmbeddedEntryLog } from "../../../shared/entry-log/embedded.ts";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import { eventually } from "../../../shared/entry-log/conformance/test-follower.ts";
import { createLogger } from "../../../shared/runtime/log.ts";
import { AddressRange } from "./address-range.ts";
import { AddressKeeper } from "./address-keeper.ts";
import type { AddressKeeperOptions } from "./address-keeper.ts";

export const root = "$KV.TEST_ADDRESSES";

/** An empty bucket. */
export const newBucket = () => new EmbeddedEntryLog(new Date(), root);

/** So many hosts, each with another name. */
export const hostNames = (count: number) => Array.from({ length: count }, (_, index) => `svc-${index}.shop`);

const log = createLogger("test");
log.level = process.env["LOG_LEVEL"] ?? "silent";

/** A keeper that runs like one in a process of its own, and whatever it told its listener. */
export class Replica implements AsyncDisposable {
  readonly keeper: AddressKeeper;
  /** Hosts whose addresses may have changed, as told. */
  readonly told: string[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(bucket: EntryLog, cidr = "241.0.0.0/8", options: Partial<AddressKeeperOptions> = {}) {
    this.keeper = new AddressKeeper({
      bucket,
      root,
      ranges: cidr.split(" ").map((range) => new AddressRange(range)),
      releaseAfterMs: 60_000,
      isComplete: () => true,
      log,
      sweepEveryMs: 1_000_000,
      ...options,
    });
    this.keeper.onChange((host) => this.told.push(host));
    this.#running = this.keeper.run(this.#stop.signal);
  }

  /** The host's first address, once it has one. */
  async address(host: string): Promise<string> {
    await eventually(`an address of ${host}`, () => this.keeper.addressesOf(host) !== undefined);
    return this.keeper.addressesOf(host)?.[0] ?? "none";
  }

  /** The addresses of the hosts by host, once all have one. */
  async addresses(hosts: Iterable<string>): Promise<Record<string, string>> {
    const addresses: Record<string, string> = {};
    for (const host of hosts) addresses[host] = await this.address(host);
    return addresses;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

/** A replica that is stopped when the test ends, or before. */
export function startReplica(
  bucket: EntryLog,
  cidr?: string,
  options?: Partial<AddressKeeperOptions>,
): Replica {
  const replica = new Replica(bucket, cidr, options);
  onTestFinished(async () => await replica[Symbol.asyncDispose]());
  return replica;
}

/** A log that counts what is written to it. */
export function counting(bucket: EntryLog): { readonly bucket: EntryLog; readonly writes: () => number } {
  let writes = 0;
  return {
    writes: () => writes,
    bucket: {
      publish: (records, signal) => {
        writes += records.length;
        return bucket.publish(records, signal);
      },
      readBack: (filter, signal) => bucket.readBack(filter, signal),
      follow: (filter, signal) => bucket.follow(filter, signal),
      onReset: (callback) => bucket.onReset(callback),
      status: () => bucket.status(),
      [Symbol.asyncDispose]: () => bucket[Symbol.asyncDispose](),
    },
  };
}

const never = new AbortController().signal;

/** What the bucket has, by key. */
export async function storedClaims(bucket: EntryLog): Promise<Record<string, Record<string, string>>> {
  const claims: Record<string, Record<string, string>> = {};
  for await (const { subject, data } of bucket.readBack(`${root}.>`, never)) {
    if (data.length > 0) {
      claims[subject.slice(root.length + 1)] = JSON.parse(Buffer.from(data).toString("utf8"));
    }
  }
  return claims;
}
