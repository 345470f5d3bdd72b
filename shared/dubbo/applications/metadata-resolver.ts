import { errorText, MeshError } from "../../runtime/errors.ts";
import type { DubboInstance } from "./application-node.ts";
import { offersNothing } from "./application-node.ts";
import type { MetadataInfo, OfferedService } from "./metadata-info.ts";
import type { InvalidRecord } from "../conversion/registry-records.ts";

/** What a registry itself knows of applications. */
export interface MetadataStore {
  /**
   * What a revision offers, exactly; undefined if that isn't stored. `instances` are those that have
   * it. Never rejects: what can't be read is reported.
   */
  readonly stored: (
    application: string,
    revision: string,
    instances: readonly DubboInstance[],
  ) => Promise<readonly OfferedService[] | undefined>;
  /** All that the application ever defined: an approximation, empty if there is none. May reject. */
  readonly defined: (application: string) => Promise<readonly OfferedService[]>;
  /** Forgets what may be other than it was; called now and then. */
  readonly forget: () => void;
}

/** What a resolver reads and asks. */
export interface MetadataAccess {
  readonly store: MetadataStore;
  /** Asks an instance for what it offers (`askingInstances`); undefined: never asked. */
  readonly askInstance: ((instance: DubboInstance, signal: AbortSignal) => Promise<MetadataInfo>) | undefined;
}

/**
 * What a revision offers, and how that is known, from the best source down. `registry` and `instance` are exact and
 * final; anything else is to be resolved again some time later.
 *
 * - `earlier-revision`: what the application offered when it was last known; ports are those of each instance.
 * - `definitions`: what the registry's service definitions say that the application ever offered.
 * - `unknown`: nothing is known, which isn't the same as that nothing is offered.
 */
export interface Resolution {
  readonly source: "registry" | "instance" | "earlier-revision" | "definitions" | "unknown";
  readonly services: readonly OfferedService[];
}

/** How a resolver works. */
export interface ResolverOptions {
  /** Instances asked at the same time. */
  readonly concurrency?: number;
  /** Told of everything that isn't resolved exactly, and why; the path is that of an instance or of a node. */
  readonly report: (problem: InvalidRecord) => void;
}

/** Instances of one revision that are asked before it counts as not resolved. */
const mostAsked = 3;

/**
 * After so long without an answer, in milliseconds, no other instance is asked: silence is the network's. Hundreds of
 * applications that can't be reached must not hold up the first complete reading for minutes.
 */
const longestSilenceMs = 1_000;

const nothing: Resolution = { source: "registry", services: [] };

/**
 * Knows what revisions of Dubbo 3 applications offer. A revision is a hash of all that it offers, so what is known of
 * one stays true: it is read, or asked for, once. One that doesn't answer holds up no other.
 */
export class MetadataResolver {
  readonly #access: MetadataAccess;
  readonly #report: (problem: InvalidRecord) => void;
  readonly #signal: AbortSignal;
  readonly #slots: Slots;
  /** By application, then by revision. */
  readonly #known = new Map<string, Map<string, Resolution>>();
  /** The last thing that was known of each application. */
  readonly #last = new Map<string, Resolution>();
  readonly #running = new Map<string, Promise<Resolution>>();

  /** `signal` ends whatever is being asked when it aborts. */
  constructor(access: MetadataAccess, options: ResolverOptions, signal: AbortSignal) {
    this.#access = access;
    this.#report = options.report;
    this.#signal = signal;
    this.#slots = new Slots(options.concurrency ?? 64);
  }

  /** What is known exactly, without reading or asking anything. */
  known(application: string, revision: string): Resolution | undefined {
    return revision === offersNothing ? nothing : this.#known.get(application)?.get(revision);
  }

  /**
   * What a revision offers. `instances` are those that have it; they are asked if the registry doesn't know and `mayAsk`
   * (false where they are registered at interface level anyway: then what isn't in the registry is `unknown`). Calls for
   * the same revision share the work. Never rejects: what goes wrong is reported.
   */
  async resolve(
    application: string,
    revision: string,
    instances: readonly DubboInstance[],
    mayAsk = true,
  ): Promise<Resolution> {
    const known = this.known(application, revision);
    if (known !== undefined) return known;
    const key = `${application}/${revision}/${mayAsk}`;
    const running = this.#running.get(key) ?? this.#resolve(application, revision, instances, mayAsk)
      .finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return await running;
  }

  /**
   * Forgets revisions that no instance has any more, but not what an application with instances offered last. To be
   * called now and then: what is read of the registry is read again after it, if it is needed.
   */
  keepOnly(instances: Iterable<DubboInstance>): void {
    this.#access.store.forget();
    const live = new Map<string, Set<string>>();
    for (const { application, revision } of instances) {
      const revisions = live.get(application);
      if (revisions === undefined) live.set(application, new Set([revision]));
      else revisions.add(revision);
    }
    for (const [application, revisions] of this.#known) {
      const used = live.get(application);
      for (const revision of revisions.keys()) if (used?.has(revision) !== true) revisions.delete(revision);
      if (used !== undefined) continue;
      this.#known.delete(application);
      this.#last.delete(application);
    }
  }

  async #resolve(
    application: string,
    revision: string,
    instances: readonly DubboInstance[],
    mayAsk: boolean,
  ): Promise<Resolution> {
    const stored = await this.#access.store.stored(application, revision, instances);
    if (stored !== undefined) {
      return this.#keep(application, revision, { source: "registry", services: stored });
    }
    if (!mayAsk) return { source: "unknown", services: [] };
    const answered = await this.#ask(revision, instances);
    if (answered !== undefined) {
      return this.#keep(application, revision, { source: "instance", services: answered });
    }
    return await this.#fallBack(application, revision, instances[0]?.path ?? application);
  }

  #keep(application: string, revision: string, resolution: Resolution): Resolution {
    const revisions = this.#known.get(application);
    if (revisions === undefined) this.#known.set(application, new Map([[revision, resolution]]));
    else revisions.set(revision, resolution);
    this.#last.set(application, resolution);
    return resolution;
  }

  async #ask(
    revision: string,
    instances: readonly DubboInstance[],
  ): Promise<readonly OfferedService[] | undefined> {
    const { askInstance } = this.#access;
    if (askInstance === undefined) return undefined;
    for (const instance of instances.slice(0, mostAsked)) {
      if (this.#signal.aborted) return undefined;
      let askedAtMs = Infinity;
      try {
        const info = await this.#slots.run(() => {
          askedAtMs = performance.now();
          return askInstance(instance, this.#signal);
        });
        // An instance knows the revision that it has now, which may be a newer one than its node's.
        if (info.revision === "" || info.revision === revision) return info.services;
        throw new MeshError("protocol-violation", `it has the revision ${info.revision}`);
      } catch (error) {
        this.#report({
          path: instance.path,
          reason: `asked what revision ${revision} offers: ${errorText(error)}`,
        });
        if (performance.now() - askedAtMs > longestSilenceMs) return undefined;
      }
    }
    return undefined;
  }

  async #fallBack(application: string, revision: string, path: string): Promise<Resolution> {
    const last = this.#last.get(application);
    if (last !== undefined) {
      this.#report({
        path,
        reason: `revision ${revision} isn't known; what ${application} offered before is kept`,
      });
      return {
        source: "earlier-revision",
        services: last.services.map((service) => ({ ...service, port: 0 })),
      };
    }
    try {
      const services = await this.#access.store.defined(application);
      if (services.length > 0) {
        this.#report({
          path,
          reason: `revision ${revision} isn't known; all that ${application} ever defined is taken for it`,
        });
        return { source: "definitions", services };
      }
    } catch (error) {
      this.#report({ path, reason: `service definitions of ${application}: ${errorText(error)}` });
    }
    this.#report({
      path,
      reason: `revision ${revision} of ${application} isn't known, nor anything instead of it`,
    });
    return { source: "unknown", services: [] };
  }
}

/** Lets so many at a time run, the others in order. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
