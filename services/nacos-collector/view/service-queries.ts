import { isNacosError, NacosError } from "../../../shared/nacos/nacos-error.ts";
import type { NacosNaming, ServiceSnapshot } from "../../../shared/nacos/nacos.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import { Backoff } from "../../../shared/runtime/waiting.ts";
import type { HeardBy } from "./belief.ts";
import type { FollowedService } from "./followed-service.ts";

/** What queries need. */
export interface ServiceQueriesOptions {
  readonly naming: NacosNaming;
  /** By `serviceKey`. */
  readonly services: ReadonlyMap<string, FollowedService>;
  /** The connection that counts now. */
  by(): HeardBy | undefined;
  /** What is believed of a service may be another. */
  believed(key: string, followed: FollowedService, isChanged: boolean, nowMs: number): void;
  requested(success: boolean): void;
}

/** Requests at a time. */
const queriesAtOnce = 32;

/** A query about a doubt that failed is made again after this time, in milliseconds. */
const retryMs = 3_000;

/** An answer and, to see whether it still counts, what had been heard of the service before the question. */
interface Answer {
  readonly followed: FollowedService;
  readonly snapshots: number;
  readonly snapshot: ServiceSnapshot;
}

/** `refused`: for itself, so that asking again makes no difference. `none`: there is nothing to ask for any more. */
type Asked = Answer | "refused" | "failed" | "none";

/** Asks for the instances of services, where a snapshot alone isn't enough. */
export class ServiceQueries {
  readonly #options: ServiceQueriesOptions;

  constructor(options: ServiceQueriesOptions) {
    this.#options = options;
  }

  /**
   * Settles when all services were asked for after this call, or when some failed and `mayLeave` is true.
   * @throws MeshError `registry-unavailable` when the signal aborts.
   */
  async readAll(signal: AbortSignal, mayLeave: () => boolean): Promise<void> {
    const backoff = new Backoff();
    const open = new Set(this.#options.services.keys());
    while (open.size > 0) {
      if (signal.aborted) throw new MeshError("registry-unavailable", "Reading Nacos again: stopped");
      await this.#askEach(open, signal, (key, asked) => {
        const isCurrent = typeof asked === "string" ? asked !== "failed" : this.#take(key, asked);
        if (isCurrent) open.delete(key);
        return isCurrent;
      });
      if (open.size === 0 || mayLeave()) return;
      await backoff.wait(signal);
    }
  }

  /**
   * Asks for services whose doubts are due. What the answers say is believed at once for all of them, so that the
   * mass-deletion guard sees a loss as a whole, however long the questions take.
   */
  async confirm(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const answers: [string, Answer][] = [];
    const postpone = (key: string) =>
      this.#options.services.get(key)?.belief.postpone(performance.now() + retryMs);
    await this.#askEach(keys, signal, (key, asked) => {
      if (typeof asked === "object") answers.push([key, asked]);
      else if (asked !== "none") postpone(key);
      return true;
    });
    for (const [key, answer] of answers) {
      if (!this.#isCurrent(key, answer)) {
        postpone(key);
        continue;
      }
      const { followed, snapshot } = answer;
      const nowMs = performance.now();
      this.#options.believed(key, followed, followed.belief.confirm(snapshot, nowMs), nowMs);
    }
  }

  /** Asks for {@link queriesAtOnce} at a time; `take` returns false to stop. */
  async #askEach(
    keys: Iterable<string>,
    signal: AbortSignal,
    take: (key: string, asked: Asked) => boolean,
  ): Promise<void> {
    const queue = [...keys].values();
    const work = async () => {
      for (const key of queue) if (signal.aborted || !take(key, await this.#ask(key, signal))) return;
    };
    await Promise.all(Array.from({ length: queriesAtOnce }, work));
  }

  async #ask(key: string, signal: AbortSignal): Promise<Asked> {
    const { naming, services, requested } = this.#options;
    const followed = services.get(key);
    if (followed === undefined || followed.isReleased) return "none";
    const { snapshots } = followed;
    try {
      const snapshot = await naming.query(followed.service, signal);
      requested(true);
      return { followed, snapshots, snapshot };
    } catch (error) {
      if (!(error instanceof NacosError)) throw error;
      if (!signal.aborted) requested(false);
      return isNacosError(error, "refused", "forbidden") ? "refused" : "failed";
    }
  }

  #take(key: string, answer: Answer): boolean {
    const by = this.#options.by();
    if (by === undefined || !this.#isCurrent(key, answer)) return false;
    const { followed, snapshot } = answer;
    const nowMs = performance.now();
    this.#options.believed(key, followed, followed.belief.take(snapshot, by, nowMs), nowMs);
    return true;
  }

  /** False for the answer of an earlier connection, or of another server, and for one that a snapshot overtook. */
  #isCurrent(key: string, { followed, snapshots, snapshot }: Answer): boolean {
    return this.#options.services.get(key) === followed && !followed.isReleased &&
      followed.snapshots === snapshots && snapshot.connection === this.#options.by()?.number;
  }
}
