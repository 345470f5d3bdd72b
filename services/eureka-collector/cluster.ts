import { errorText, MeshError } from "../../shared/runtime/errors.ts";
import type { Logger } from "../../shared/runtime/log.ts";
import type { EurekaAnswer, EurekaClient } from "./client.ts";
import { hashOf, RegistryView } from "./registry-view.ts";

/** What one round of reading brought: names of applications that differ from before. */
export interface ClusterUpdate {
  /** Named by the registry in a delta: certain. */
  readonly named: ReadonlySet<string>;
  /** Found by comparing complete reads: what is missing may only be missing. Undefined if there was none. */
  readonly compared: ReadonlySet<string> | undefined;
}

/** After so many failures in a row deltas are given up for a while, or a complete read is believed all the same. */
const maxFailures = 3;

/** How long deltas are given up, in milliseconds. */
const deltaPauseMs = 5 * 60_000;

/**
 * One Eureka cluster kept up to date: a complete read first, then deltas that are checked against the server's hash,
 * and a complete read again whenever that fails. On any error the last good view stays.
 */
export class EurekaCluster {
  /** Written on endpoints; empty for none. */
  readonly registryId: string;
  readonly view = new RegistryView();
  readonly #client: EurekaClient;
  readonly #log: Logger;
  /** The server that the view comes from; undefined before the first complete read. */
  #server: number | undefined;
  #deltaFailures = 0;
  #deltasPausedUntilMs = 0;
  #readMismatches = 0;
  #lastError: string | undefined;
  #lastSuccessMs: number | undefined;

  constructor(registryId: string, client: EurekaClient, log: Logger) {
    this.registryId = registryId;
    this.#client = client;
    this.#log = log;
  }

  /** True once the cluster has been read completely. */
  get synced(): boolean {
    return this.#server !== undefined;
  }

  /** Why the last round failed; undefined if it didn't. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** When the registry was last heard of, by the monotonic clock; undefined if never. */
  get lastSuccessMs(): number | undefined {
    return this.#lastSuccessMs;
  }

  /**
   * One round: a delta where that is enough, else a complete read (`complete` asks for one). Undefined if the registry
   * could not be read; the view is then what it was.
   */
  async update(complete: boolean, signal: AbortSignal): Promise<ClusterUpdate | undefined> {
    try {
      const update = await this.#update(complete, signal);
      if (this.#lastError !== undefined) this.#log.info({ cluster: this.registryId }, "Eureka answers again");
      this.#lastError = undefined;
      this.#lastSuccessMs = performance.now();
      return update;
    } catch (error) {
      if (signal.aborted) return undefined;
      const reason = errorText(error);
      if (reason !== this.#lastError) {
        this.#log.error(
          { cluster: this.registryId, reason },
          "cannot read Eureka, what was read last stays published",
        );
      }
      this.#lastError = reason;
      return undefined;
    }
  }

  async #update(complete: boolean, signal: AbortSignal): Promise<ClusterUpdate> {
    if (this.#server === undefined) return { named: new Set(), compared: await this.#readAll(signal) };
    const canDelta = this.#server === this.#client.server && performance.now() >= this.#deltasPausedUntilMs;
    // A delta also before a complete read: what it names as gone is certain.
    const delta = canDelta ? await this.#applyDelta(signal) : undefined;
    const named = delta?.changed ?? new Set<string>();
    const enough = delta?.agrees ?? this.#server === this.#client.server;
    if (enough && !complete && (delta !== undefined || !canDelta)) return { named, compared: undefined };
    const compared = await this.#readAll(signal);
    if (canDelta && delta?.agrees !== true) this.#countDeltaFailure();
    return { named, compared };
  }

  /** Undefined if the server didn't answer with a delta. */
  async #applyDelta(
    signal: AbortSignal,
  ): Promise<{ changed: ReadonlySet<string>; agrees: boolean } | undefined> {
    let delta: EurekaAnswer;
    try {
      delta = await this.#client.fetchDelta(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#log.debug({ cluster: this.registryId, reason: errorText(error) }, "no delta, reading everything");
      return undefined;
    }
    const changed = this.view.apply(delta.applications);
    const agrees = delta.hash === undefined || delta.hash === this.view.hash();
    if (agrees) this.#deltaFailures = 0;
    else {this.#log.debug(
        { theirs: delta.hash, ours: this.view.hash() },
        "delta leaves a difference, reading everything",
      );}
    return { changed, agrees };
  }

  #countDeltaFailure(): void {
    this.#deltaFailures++;
    if (this.#deltaFailures < maxFailures) return;
    this.#deltaFailures = 0;
    this.#deltasPausedUntilMs = performance.now() + deltaPauseMs;
    this.#log.warn(
      { cluster: this.registryId, pauseMs: deltaPauseMs },
      "Eureka's deltas fail or don't agree with its complete answers; only complete reads for a while",
    );
  }

  async #readAll(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const answer = await this.#client.fetchAll(signal);
    this.#checkHash(answer);
    this.#server = answer.server;
    return this.view.replace(answer.applications);
  }

  /** A list that lacks what its own hash counts is half an answer. Seen again and again, the hash is wrong instead. */
  #checkHash(answer: EurekaAnswer): void {
    const counted = hashOf(answer.applications);
    if (answer.hash === undefined || answer.hash === counted) {
      this.#readMismatches = 0;
      return;
    }
    this.#readMismatches++;
    const difference = `its hash says "${answer.hash}" and its list has "${counted}"`;
    if (this.#readMismatches < maxFailures) {
      throw new MeshError("protocol-violation", `Eureka's answer is incomplete: ${difference}`);
    }
    this.#log.warn(
      { cluster: this.registryId, difference },
      "Eureka's hash is wrong again and again, believing its list",
    );
  }
}
