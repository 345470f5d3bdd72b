import { randomUUID } from "node:crypto";
import type { Bucket } from "../entry-log/open-entry-log.ts";
import { auditRecord } from "../model/audit.ts";
import { readReleaseRequest, releaseSubject } from "../model/collector-lease.ts";

/** Requests to let a source's held losses go. All replicas and aggregators read them from the bucket of leases. */
export class ReleaseRequests {
  readonly #bucket: Bucket;
  readonly #source: { readonly registry: string; readonly source: string };
  readonly #subject: string;
  #lastId: string | undefined;

  constructor(
    { bucket, registry, source }: {
      readonly bucket: Bucket;
      readonly registry: string;
      readonly source: string;
    },
  ) {
    this.#bucket = bucket;
    this.#source = { registry, source };
    this.#subject = releaseSubject(bucket.root, registry, source);
  }

  /** Asks all replicas. `by`: who wants it, for the log and the record of actions; `held`: how many losses wait here. */
  async request(by: string, held: number, signal: AbortSignal): Promise<void> {
    const request = { id: randomUUID(), by, at: new Date().toISOString() };
    const data = Buffer.from(JSON.stringify(request));
    const detail = `asked at a collector, which held ${held} losses`;
    await this.#bucket.bucket.publish([
      { subject: this.#subject, data, ttlMs: 60_000 },
      auditRecord(this.#bucket.root, { by, action: "release", ...this.#source, detail }),
    ], signal);
  }

  /** Calls back once for each request, until the signal aborts. */
  async follow(onRelease: (by: string) => void, signal: AbortSignal): Promise<void> {
    let live = false;
    for await (const event of this.#bucket.bucket.follow(this.#subject, signal)) {
      if (event.type === "caught-up") live = true;
      if (event.type !== "put") continue;
      const request = readReleaseRequest(event.data);
      if (request === undefined || request.id === this.#lastId) continue;
      this.#lastId = request.id;
      // Requests from before this replica's start were for others.
      if (live) onRelease(request.by);
    }
  }
}
