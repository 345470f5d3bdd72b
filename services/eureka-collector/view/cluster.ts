import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { EurekaAnswer, EurekaClient } from "../client/client.ts";
import { hashOf, RegistryView } from "./registry-view.ts";

/** The result of one round of reading: names of applications that differ from before. */
export interface ClusterUpdate {
  /** False if the registry could not be read. What a delta brought before that is here all the same. */
  readonly succeeded: boolean;
  /** Named by the registry in a delta: certain. */
  readonly named: ReadonlySet<string>;
  /** Found by comparing complete reads: what is missing may only be missing. */
  readonly compared: ReadonlySet<string>;
}

/** Number of failures in a row after which deltas pause for a while, or a complete read is believed all the same. */
const maxFailures = 3;

/** How long deltas are given up, in milliseconds. */
const deltaPauseMs = 5 * 60_000;

/** Deltas cover 180 s by Eureka's default: after a silence near that long one may lack something, in milliseconds. */
const maxSilenceMs = 150_000;

/** Where a cluster's answers come from: its client, or a file. */
export type EurekaReader = Pick<EurekaClient, "server" | "fetchAll" | "fetchDelta">;

/** A complete read in the background, which no round waits for yet. */
class ReadBeside {
  readonly answer: Promise<EurekaAnswer>;
  finished = false;

  constructor(answer: Promise<EurekaAnswer>) {
    this.answer = answer;
    const finish = () => {
      this.finished = true;
    };
    answer.then(finish, finish);
  }
}

/**
 * One Eureka cluster kept up to date: a complete read first, then deltas that are checked against the server's hash,
 * and a complete read again whenever that fails. On any error the last good view stays.
 */
export class EurekaCluster {
  /** Written on endpoints; empty for none. */
  readonly registryId: string;
  readonly view = new RegistryView();
  readonly #client: EurekaReader;
  readonly #log: Logger;
  readonly #invalidRecords = new Map<string, string>();
  /** The server that the view comes from; undefined before the first complete read. */
  #server: number | undefined;
  #beside: ReadBeside | undefined;
  #deltaFailures = 0;
  #deltasPausedUntilMs = 0;
  #readMismatches = 0;
  #lastError: string | undefined;
  #lastSuccessMs: number | undefined;

  constructor(registryId: string, client: EurekaReader, log: Logger) {
    this.registryId = registryId;
    this.#client = client;
    this.#log = log.child({ cluster: registryId });
  }

  /** True once the cluster has been read completely. */
  get synced(): boolean {
    return this.#server !== undefined;
  }

  /** Why the last round failed; undefined if it didn't. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** The periodic complete read that runs beside the rounds: whether it is on its way, or waits to be taken over. */
  get readBeside(): "none" | "running" | "finished" {
    if (this.#beside === undefined) return "none";
    return this.#beside.finished ? "finished" : "running";
  }

  /** When the registry was last heard of, by the monotonic clock; undefined if never. */
  get lastSuccessMs(): number | undefined {
    return this.#lastSuccessMs;
  }

  /** Records of the last answers that can't be used, by place, with the reason. */
  get invalidRecords(): ReadonlyMap<string, string> {
    return this.#invalidRecords;
  }

  /**
   * One round: a delta where that is enough, else a complete read (`complete` asks for one). If the registry can't be
   * read the view is what it was. Never throws.
   */
  async update(complete: boolean, signal: AbortSignal): Promise<ClusterUpdate> {
    const named = new Set<string>();
    try {
      const compared = await this.#update(complete, named, signal);
      this.#lastError = undefined;
      return { succeeded: true, named, compared };
    } catch (error) {
      if (!signal.aborted) this.#lastError = errorText(error);
      return { succeeded: false, named, compared: new Set() };
    }
  }

  /** Returns the names that a complete read changed, and adds to `named` those that a delta changed. */
  async #update(complete: boolean, named: Set<string>, signal: AbortSignal): Promise<ReadonlySet<string>> {
    if (this.#server === undefined) return await this.#readAll(signal);
    const isSameServer = this.#server === this.#client.server;
    const usesDelta = isSameServer && performance.now() >= this.#deltasPausedUntilMs;
    const wasAway = this.#lastError !== undefined || (usesDelta && this.#wasSilent());
    // A delta also before a complete read is taken over: what it names as gone is certain.
    const agrees = usesDelta ? await this.#applyDelta(named, signal) : isSameServer;
    if (agrees && usesDelta && !wasAway) return await this.#readBeside(complete, named, signal);
    if (agrees && !complete && !wasAway) return new Set();
    const compared = await this.#readAll(signal);
    if (usesDelta && !agrees) this.#countDeltaFailure();
    return compared;
  }

  /**
   * While deltas work, the periodic complete read runs beside the rounds: a large registry takes seconds, which changes
   * should not have to wait. `begin` starts one. A round that finds it finished takes it over, and asks for a delta
   * again: what changed while everything was being read is in there.
   */
  async #readBeside(begin: boolean, named: Set<string>, signal: AbortSignal): Promise<ReadonlySet<string>> {
    if (begin) this.#beside ??= new ReadBeside(this.#client.fetchAll(signal));
    if (this.#beside?.finished !== true) return new Set();
    const { answer } = this.#beside;
    this.#beside = undefined;
    const complete = await answer;
    // It is older than the view: between taking it over and the delta there is no moment in which it could be published.
    const delta = await this.#fetchDelta(signal);
    if (delta === undefined) return await this.#readAll(signal);
    const compared = this.#takeOver(complete);
    return this.#apply(delta, named) ? compared : compared.union(await this.#readAll(signal));
  }

  #wasSilent(): boolean {
    return performance.now() - (this.#lastSuccessMs ?? 0) > maxSilenceMs;
  }

  /** True if the server answered with a delta, and the view is what its hash says. */
  async #applyDelta(named: Set<string>, signal: AbortSignal): Promise<boolean> {
    const delta = await this.#fetchDelta(signal);
    return delta !== undefined && this.#apply(delta, named);
  }

  /** A delta; undefined if the server has none. */
  async #fetchDelta(signal: AbortSignal): Promise<EurekaAnswer | undefined> {
    try {
      return await this.#client.fetchDelta(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#log.debug({ reason: errorText(error) }, "no delta, reading everything");
      return undefined;
    }
  }

  /** Applies a delta. True if the view is what its hash says. */
  #apply(delta: EurekaAnswer, named: Set<string>): boolean {
    for (const name of this.view.apply(delta.applications)) named.add(name);
    this.#noteInvalid(delta);
    const agrees = delta.hash === undefined || delta.hash === this.view.hash();
    if (agrees) {
      this.#deltaFailures = 0;
      this.#lastSuccessMs = performance.now();
    } else {
      const hashes = { theirs: delta.hash, ours: this.view.hash() };
      this.#log.debug(hashes, "delta leaves a difference, reading everything");
    }
    return agrees;
  }

  #countDeltaFailure(): void {
    this.#deltaFailures++;
    if (this.#deltaFailures < maxFailures) return;
    this.#deltaFailures = 0;
    this.#deltasPausedUntilMs = performance.now() + deltaPauseMs;
    this.#log.warn(
      { pauseMs: deltaPauseMs },
      "Eureka's deltas fail or don't agree with its complete answers; only complete reads for a while",
    );
  }

  async #readAll(signal: AbortSignal): Promise<ReadonlySet<string>> {
    this.#beside = undefined;
    return this.#takeOver(await this.#client.fetchAll(signal));
  }

  #takeOver(answer: EurekaAnswer): Set<string> {
    this.#checkHash(answer);
    this.#server = answer.server;
    this.#lastSuccessMs = performance.now();
    this.#invalidRecords.clear();
    this.#noteInvalid(answer);
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
    this.#log.warn({ difference }, "Eureka's hash is wrong again and again: the collector believes its list");
  }

  #noteInvalid({ applications, invalidRecords }: EurekaAnswer): void {
    if (this.#invalidRecords.size > 0) {
      for (const { name, instances } of applications) {
        for (const { id } of instances) this.#invalidRecords.delete(`${name}/${id}`);
      }
    }
    for (const [path, reason] of invalidRecords) this.#invalidRecords.set(path, reason);
  }
}
