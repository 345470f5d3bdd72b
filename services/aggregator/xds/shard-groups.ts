import type { ClientStream } from "./client-stream.ts";
import { ShardGroup } from "./shard-group.ts";

interface Istiod {
  readonly group: ShardGroup;
  readonly clients: Set<ClientStream>;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Keeps the streams of each istiod to sharded listeners together (by node id, which names the pod) and tells them what
 * to show, see {@link ShardGroup}.
 */
export class ShardGroups implements Disposable {
  readonly #of: number;
  readonly #istiods = new Map<string, Istiod>();

  /** `of`: the number of sharded listeners. */
  constructor(of: number) {
    this.#of = of;
  }

  /** A stream has said who it is: from now on it is told what to show. */
  join(client: ClientStream, index: number): void {
    let istiod = this.#istiods.get(client.nodeId);
    if (istiod === undefined) {
      istiod = { group: new ShardGroup(this.#of), clients: new Set(), timer: undefined };
      this.#istiods.set(client.nodeId, istiod);
    }
    istiod.clients.add(client);
    istiod.group.join(client.id, index, performance.now());
    this.#update(istiod);
  }

  /** Takes note of what a stream has acknowledged. */
  acknowledge(client: ClientStream): void {
    const istiod = this.#istiods.get(client.nodeId);
    if (istiod?.group.isWaitingFor(client.id) !== true || !client.hasAcknowledgedAll) return;
    istiod.group.acknowledge(client.id);
    this.#update(istiod);
  }

  /** A stream is gone; it may never have joined. */
  leave(client: ClientStream): void {
    const istiod = this.#istiods.get(client.nodeId);
    if (istiod?.clients.delete(client) !== true) return;
    istiod.group.leave(client.id, performance.now());
    if (!istiod.group.isEmpty) return this.#update(istiod);
    clearTimeout(istiod.timer);
    this.#istiods.delete(client.nodeId);
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#istiods.values()) clearTimeout(timer);
    this.#istiods.clear();
  }

  #update(istiod: Istiod): void {
    const { group, clients } = istiod;
    for (const client of clients) {
      const present = group.presentFor(client.id);
      client.show(present?.length === this.#of ? "all" : present);
    }
    clearTimeout(istiod.timer);
    const waitMs = group.waitMs(performance.now());
    if (waitMs === undefined) return;
    istiod.timer = setTimeout(() => {
      group.tick(performance.now());
      this.#update(istiod);
    }, Math.ceil(waitMs)).unref();
  }
}
