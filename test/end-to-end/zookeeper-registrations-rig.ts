import { ZooKeeperClient } from "../../shared/zookeeper/client.ts";
import { errorText } from "../../shared/runtime/errors.ts";
import type { ZooKeeper } from "../../shared/zookeeper/zookeeper.ts";

/** The addresses that were registered for an interface at any moment, and those that are. */
interface Registered {
  readonly now: Set<string>;
  /** True while, as far as anybody can know, the interface may have had no provider. */
  everEmpty: boolean;
}

/** Where an interface of Dubbo has its providers. */
const folderOf = (interfaceName: string) => `/dubbo/${interfaceName}/providers`;

/**
 * Providers of a real ZooKeeper, as nodes that a client creates and deletes, with a record of what is there. A write
 * whose connection ended may or may not be done: what came of it is looked up before the next one.
 */
export class Registrations implements AsyncDisposable {
  readonly #zooKeeper: ZooKeeper;
  readonly #interfaces = new Map<string, Registered>();
  #doubtful: { readonly interfaceName: string; readonly address: string } | undefined;

  constructor(addresses: readonly string[]) {
    this.#zooKeeper = new ZooKeeperClient({
      servers: addresses,
      sessionTimeoutMs: 30_000,
      maxFrameBytes: 2 ** 24,
    });
  }

  /** Creates an interface with its first provider, which stays. */
  async begin(interfaceName: string, address: string): Promise<void> {
    await this.#zooKeeper.connected(AbortSignal.timeout(30_000));
    for (const path of ["/dubbo", `/dubbo/${interfaceName}`, folderOf(interfaceName)]) {
      if (await this.#zooKeeper.exists(path) === undefined) await this.#zooKeeper.create(path);
    }
    this.#interfaces.set(interfaceName, { now: new Set(), everEmpty: false });
    await this.change(interfaceName, address, true);
  }

  /** Registers or takes away; answers whether it was done. A server that can't be reached does nothing. */
  async change(interfaceName: string, address: string, present: boolean): Promise<boolean> {
    const registered = this.#interfaces.get(interfaceName);
    if (registered === undefined) throw new RangeError(`${interfaceName} was not begun`);
    await this.settle();
    if (registered.now.has(address) === present) return false;
    const path = pathOf(interfaceName, address);
    try {
      if (present) await this.#zooKeeper.create(path);
      else await this.#zooKeeper.delete(path);
    } catch (error) {
      // It may have been done all the same.
      this.#doubtful = { interfaceName, address };
      throw new Error(`${path} is in doubt: ${errorText(error)}`, { cause: error });
    }
    this.#note(registered, address, present);
    return true;
  }

  /** Looks up what came of a write whose answer was lost. Rejects while there is no connection. */
  async settle(): Promise<void> {
    const doubtful = this.#doubtful;
    if (doubtful === undefined) return;
    const registered = this.#interfaces.get(doubtful.interfaceName);
    const there =
      await this.#zooKeeper.exists(pathOf(doubtful.interfaceName, doubtful.address)) !== undefined;
    if (registered !== undefined) this.#note(registered, doubtful.address, there);
    this.#doubtful = undefined;
  }

  /** Waits for a connection, and knows what there is. */
  async settled(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#zooKeeper.connected(signal);
      try {
        return await this.settle();
      } catch {
        signal.throwIfAborted();
      }
    }
  }

  /** Addresses by interface as ZooKeeper itself lists them: `host:port`, sorted. */
  async listed(): Promise<Record<string, string[]>> {
    const listed: Record<string, string[]> = {};
    for (const name of this.#interfaces.keys()) {
      const children = await this.#zooKeeper.getChildren(folderOf(name));
      listed[name] = (children?.names ?? []).map((node) => new URL(decodeURIComponent(node)).host).sort();
    }
    return listed;
  }

  /** Interfaces that had a provider all the time. */
  neverEmpty(): string[] {
    return [...this.#interfaces].filter(([, { everEmpty }]) => !everEmpty).map(([name]) => name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#zooKeeper[Symbol.asyncDispose]();
  }

  #note(registered: Registered, address: string, present: boolean): void {
    if (present) registered.now.add(address);
    else registered.now.delete(address);
    registered.everEmpty ||= registered.now.size === 0;
  }
}

function pathOf(interfaceName: string, address: string): string {
  const url = `dubbo://${address}/${interfaceName}?application=shop&interface=${interfaceName}&side=provider`;
  return `${folderOf(interfaceName)}/${encodeURIComponent(url)}`;
}
