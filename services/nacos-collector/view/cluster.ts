import { WorkSignal } from "../../../shared/collector/work-signal.ts";
import type { NacosServer } from "../../../shared/config/mod.ts";
import { isNacosError, NacosError } from "../../../shared/nacos/nacos-error.ts";
import type { Nacos, NacosInstance, NacosNamespace, ServiceName } from "../../../shared/nacos/nacos.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import { pause } from "../../../shared/runtime/waiting.ts";
import type { ServiceFilter } from "../conversion/service-filter.ts";
import type { BeliefTimes, ServiceBelief } from "./belief.ts";
import { NamespaceFollower } from "./namespace-follower.ts";
import { asksForNamespaces, wantedNamespaces } from "./namespaces.ts";
import type { WantedNamespace } from "./namespaces.ts";

/** A service of a namespace of a cluster. */
export interface PlacedService extends ServiceName {
  /** Id of the namespace. */
  readonly namespace: string;
}

/** What a cluster tells; see `NamespaceListener`. */
export interface ClusterListener {
  believed(service: PlacedService, belief: ServiceBelief, isFirst: boolean): void;
  forgotten(service: PlacedService): void;
  released(service: PlacedService): void;
  unread(service: PlacedService, isUnread: boolean): void;
  readBegan(): void;
  readEnded(seconds: number, error: string | undefined): void;
  progressed(): void;
  /** A service, or (without a name) a namespace's list, is refused to us; undefined: not any more. */
  refused(place: Pick<PlacedService, "namespace"> & Partial<ServiceName>, reason: string | undefined): void;
  /** A namespace's name means several. */
  ambiguous(name: string, ids: readonly string[]): void;
  requested(success: boolean): void;
}

/** What a cluster needs. */
export interface ClusterOptions {
  readonly server: NacosServer;
  readonly nacos: Nacos;
  readonly refreshPeriodMs: number;
  readonly times: BeliefTimes;
  /** See `ServiceBelief`. */
  readonly keepsHealth: boolean;
  readonly filter: ServiceFilter | undefined;
  /** See `NamespaceFollowerOptions`. */
  keeps(service: ServiceName, instances: readonly NacosInstance[]): boolean;
  readonly listener: ClusterListener;
}

/** A failed list of namespaces is asked for again after this time, in milliseconds. */
const retryMs = 2_000;

/** How often it is looked at whether the namespaces are known, in milliseconds. */
const lookMs = 200;

/** One cluster: finds its namespaces and follows each. */
export class NacosCluster implements AsyncDisposable {
  readonly nacos: Nacos;
  readonly #options: ClusterOptions;
  readonly #followers = new Map<string, NamespaceFollower>();
  readonly #work = new WorkSignal();
  #isResolved = false;
  /** False while a name of the configuration may be one of a namespace that the cluster hasn't shown yet. */
  #areAllListed = false;
  #namespacesError: string | undefined = "not connected to Nacos yet";

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.nacos = options.nacos;
  }

  /** Written on endpoints; empty for none. */
  get registryId(): string {
    return this.#options.server.registryId;
  }

  /** By id. */
  get namespaces(): ReadonlyMap<string, NamespaceFollower> {
    return this.#followers;
  }

  /** True once everything has been read, as far as it can be known. */
  get isComplete(): boolean {
    if (!this.#isResolved) return false;
    const states = Array.from(this.#followers.values(), ({ state }) => state);
    return !states.includes("reading") && (states.length === 0 || states.includes("synced"));
  }

  /** True while a part of the cluster has never been read, though there is the right to. */
  get isPartial(): boolean {
    return !this.#isResolved || this.#some(({ state }) => state === "reading");
  }

  /** True if whatever has never been read can't be read now. */
  get isFailing(): boolean {
    if (!this.#isResolved) return this.#namespacesError !== undefined;
    return !this.#some(({ state, error }) => state === "reading" && error === undefined);
  }

  /** True if some part of the cluster has been read, and can be read now. */
  get isReadable(): boolean {
    return this.#some(({ state, error }) => state === "synced" && error === undefined);
  }

  /** True while a service that seems missing may exist. */
  get isUnsure(): boolean {
    return this.#namespacesError !== undefined || this.#some(({ isUnsure }) => isUnsure);
  }

  /** False while instances may have yet to register at a server, or are where nothing has been read yet. */
  get isSettled(): boolean {
    return !this.isPartial && !this.#some(({ isSettled }) => !isSettled);
  }

  /** True while a server may have been started just before we connected to it first. */
  get isYoung(): boolean {
    return this.#some(({ isYoung }) => isYoung);
  }

  /** True while a connection tells of everything again. */
  get isReading(): boolean {
    return this.#some(({ isReading }) => isReading);
  }

  /** Why the cluster, or a part of it, can't be read now; undefined if it can. */
  get error(): string | undefined {
    if (this.#namespacesError !== undefined) return this.#namespacesError;
    // One that we have no right to is named among the unusable records: what else there is can be read.
    const isReadable = this.#some(({ state, isForbidden }) => state === "synced" && !isForbidden);
    for (const [id, { error, isForbidden }] of this.#followers) {
      if (error !== undefined && !(isForbidden && isReadable)) {
        return this.#followers.size === 1 ? error : `namespace ${id}: ${error}`;
      }
    }
    return undefined;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { server, refreshPeriodMs } = this.#options;
    while (!signal.aborted) {
      const isGood = await this.#findNamespaces(signal);
      // Those that are named in the configuration don't change, once the cluster has shown them.
      const isOver = isGood && !server.allNamespaces && this.#areAllListed;
      const waitMs = isGood ? refreshPeriodMs : Math.min(retryMs, refreshPeriodMs);
      await this.#work.wait(isOver ? undefined : waitMs, signal);
    }
  }

  /**
   * Settles when everything was asked for after this call, but for what can't be read once `mayLeave` is true.
   * @throws MeshError `registry-unavailable` when the signal aborts.
   */
  async refresh(signal: AbortSignal, isShared: boolean, mayLeave: () => boolean): Promise<void> {
    while (!this.#isResolved) {
      if (this.#namespacesError !== undefined && mayLeave()) return;
      if (signal.aborted) throw new MeshError("registry-unavailable", "Reading Nacos again: stopped");
      await pause(lookMs, signal);
    }
    await Promise.all(Array.from(this.#followers.values(), (follower) =>
      // What this replica has kept no other replica publishes, and what it took over is being told of.
      isShared ? follower.told(signal, mayLeave) : follower.refresh(signal, mayLeave)));
  }

  /** Which services are kept may be another. */
  reconsider(): void {
    for (const follower of this.#followers.values()) follower.reconsider();
  }

  /** Gives up what is gone for long. */
  tidy(nowMs: number): void {
    for (const follower of this.#followers.values()) follower.tidy(nowMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this.#followers.values(), (follower) => follower[Symbol.asyncDispose]()));
    await this.nacos[Symbol.asyncDispose]();
  }

  #some(holds: (follower: NamespaceFollower) => boolean): boolean {
    for (const follower of this.#followers.values()) if (holds(follower)) return true;
    return false;
  }

  async #findNamespaces(signal: AbortSignal): Promise<boolean> {
    const { server, listener } = this.#options;
    try {
      const known = asksForNamespaces(server) ? await this.#listNamespaces(signal) : undefined;
      if (signal.aborted) return false;
      const wanted = wantedNamespaces(server, known, (name, ids) => listener.ambiguous(name, ids));
      for (const namespace of wanted) {
        if (!this.#followers.has(namespace.id)) this.#followers.set(namespace.id, this.#follow(namespace));
      }
      if (!server.allNamespaces) await this.#leaveMistaken(new Set(wanted.map(({ id }) => id)));
      this.#areAllListed = wanted.every(({ isListed }) => isListed);
      this.#isResolved = true;
      this.#namespacesError = undefined;
      listener.progressed();
      return true;
    } catch (error) {
      if (!(error instanceof NacosError)) throw error;
      if (signal.aborted) return false;
      this.#namespacesError = error.message;
      listener.requested(false);
      listener.readEnded(0, error.message);
      return false;
    }
  }

  /** Ends what was followed because a name was taken for an id, and never had a service. */
  async #leaveMistaken(wanted: ReadonlySet<string>): Promise<void> {
    for (const [id, follower] of this.#followers) {
      if (wanted.has(id) || follower.size > 0) continue;
      this.#followers.delete(id);
      this.#options.listener.refused({ namespace: id }, undefined);
      await follower[Symbol.asyncDispose]();
    }
  }

  /** @throws NacosError if it isn't known, and has to be. */
  async #listNamespaces(signal: AbortSignal): Promise<readonly NacosNamespace[] | undefined> {
    try {
      const namespaces = await this.nacos.namespaces(signal);
      if (namespaces.length > 0) return namespaces;
      throw new NacosError(
        "protocol-violation",
        "Nacos lists no namespace, not even the public one, which each Nacos has; the list is asked for again",
      );
    } catch (error) {
      // As in slime, a name that can't be looked up is an id: many may read services and no namespaces.
      const isClosed = isNacosError(error, "forbidden", "api-gone", "refused");
      if (isClosed && !this.#options.server.allNamespaces) return undefined;
      throw error;
    }
  }

  #follow({ id, name, groups }: WantedNamespace): NamespaceFollower {
    const { nacos, times, keepsHealth, filter, keeps, listener } = this.#options;
    const placed = (service: ServiceName): PlacedService => ({ ...service, namespace: id });
    return new NamespaceFollower({
      naming: nacos.openNaming(id, { groups }),
      times,
      keepsHealth,
      wants: (service) => filter?.({ ...placed(service), namespaceName: name }) ?? true,
      keeps,
      listener: {
        believed: (service, belief, isFirst) => listener.believed(placed(service), belief, isFirst),
        forgotten: (service) => listener.forgotten(placed(service)),
        released: (service) => listener.released(placed(service)),
        unread: (service, isUnread) => listener.unread(placed(service), isUnread),
        readBegan: () => listener.readBegan(),
        readEnded: (seconds, error) => listener.readEnded(seconds, error),
        progressed: () => listener.progressed(),
        refused: (service, error) =>
          listener.refused(service === undefined ? { namespace: id } : placed(service), error?.message),
        requested: (success) => listener.requested(success),
      },
    });
  }
}
