import type { Logger } from "../../../shared/runtime/log.ts";
import type { ClientStream } from "./client-stream.ts";
import { ShardGroup } from "./shard-group.ts";

/** For so many istiods that are gone it is remembered that they didn't have the first part. */
const maxRemembered = 1000;

interface Istiod {
  readonly group: ShardGroup;
  readonly clients: Set<ClientStream>;
  /** Those of {@link clients} that came to a listener without a part. */
  readonly surplus: Set<ClientStream>;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Keeps the streams of each istiod to sharded listeners together (by node id, which names the pod) and tells them what
 * to show, see {@link ShardGroup}.
 */
export class ShardGroups implements Disposable {
  readonly #of: number;
  readonly #retired: number;
  readonly #log: Logger;
  readonly #istiods = new Map<string, Istiod>();
  /** By node id, the oldest first: the lowest part that an istiod without streams has, if it isn't the first. */
  readonly #lowest = new Map<string, number>();

  /** `of`: the number of parts; `retired`: how many listeners there are after theirs, for parts that are gone. */
  constructor(of: number, retired: number, log: Logger) {
    this.#of = of;
    this.#retired = retired;
    this.#log = log;
  }

  /** By node id, for each istiod that has more sources than there are parts: how many of these are connected. */
  get surplus(): ReadonlyMap<string, number> {
    const counts = Array.from(this.#istiods, ([nodeId, { surplus }]) => [nodeId, surplus.size] as const);
    return new Map(counts.filter(([, count]) => count > 0));
  }

  /** A stream has said who it is: from now on it is told what to show. */
  join(client: ClientStream, index: number): void {
    let istiod = this.#istiods.get(client.nodeId);
    if (istiod === undefined) {
      const lowestBefore = this.#lowest.get(client.nodeId);
      const group = new ShardGroup({ of: this.#of, retired: this.#retired, lowestBefore });
      istiod = { group, clients: new Set(), surplus: new Set(), timer: undefined };
      this.#istiods.set(client.nodeId, istiod);
    }
    istiod.clients.add(client);
    if (index >= this.#of) this.#noteSurplus(client, istiod);
    istiod.group.join(client.id, index, performance.now());
    this.#update(istiod);
  }

  /** To be called after each message of a stream: it may have acknowledged what others wait for. */
  acknowledge(client: ClientStream): void {
    const istiod = this.#istiods.get(client.nodeId);
    if (istiod?.group.isWaitingFor(client.id) !== true || !client.isUpToDate) return;
    istiod.group.acknowledge(client.id, performance.now());
    this.#update(istiod);
  }

  /** A stream is gone; it may never have joined. */
  leave(client: ClientStream): void {
    const istiod = this.#istiods.get(client.nodeId);
    if (istiod?.clients.delete(client) !== true) return;
    istiod.surplus.delete(client);
    istiod.group.leave(client.id, performance.now());
    if (!istiod.group.isEmpty) return this.#update(istiod);
    clearTimeout(istiod.timer);
    this.#istiods.delete(client.nodeId);
    this.#remember(client.nodeId, istiod.group.lowest);
  }

  #noteSurplus(client: ClientStream, { surplus }: Istiod): void {
    surplus.add(client);
    if (surplus.size > 1) return;
    this.#log.warn(
      { client: client.nodeId, listener: client.listener, shards: this.#of },
      "istiod has sources for shards that are gone; they are served nothing once it has everything from the others; " +
        "give it the configSources that `meshctl config-sources` prints, and restart it",
    );
  }

  #remember(nodeId: string, lowest: number | undefined): void {
    this.#lowest.delete(nodeId);
    if (lowest === undefined || lowest === 0) return;
    this.#lowest.set(nodeId, lowest);
    const [oldest] = this.#lowest.keys();
    if (this.#lowest.size > maxRemembered && oldest !== undefined) this.#lowest.delete(oldest);
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#istiods.values()) clearTimeout(timer);
    this.#istiods.clear();
  }

  /** Shows each stream what the group says, as often as that makes the group say something else. */
  #update(istiod: Istiod): void {
    const { group, clients } = istiod;
    do {
      for (const client of clients) {
        const present = group.presentFor(client.id);
        client.show(present?.length === this.#of ? "all" : present, group.generationOf(client.id));
      }
    } while (this.#acknowledgeOne(istiod));
    clearTimeout(istiod.timer);
    const waitMs = group.waitMs(performance.now());
    if (waitMs === undefined) return;
    istiod.timer = setTimeout(() => {
      group.tick(performance.now());
      this.#update(istiod);
    }, Math.ceil(waitMs)).unref();
  }

  /** A stream for which the last change meant nothing won't acknowledge anything. True if there was one. */
  #acknowledgeOne({ group, clients }: Istiod): boolean {
    for (const client of clients) {
      if (!group.isWaitingFor(client.id) || !client.isUpToDate) continue;
      group.acknowledge(client.id, performance.now());
      return true;
    }
    return false;
  }
}
