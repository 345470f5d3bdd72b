import { ZooKeeperClient } from "../../shared/zookeeper/client.ts";
import type { CatalogueSize } from "./catalogue.ts";

/** So many creations are under way at a time. */
const atOnce = 500;

/** The registrations of a large Dubbo estate in a real ZooKeeper; all providers and consumers are ephemeral. */
export class ZooKeeperLoad implements AsyncDisposable {
  readonly #zooKeeper: ZooKeeperClient;
  readonly #size: CatalogueSize;

  constructor(address: string, size: CatalogueSize) {
    this.#size = size;
    this.#zooKeeper = new ZooKeeperClient({
      servers: [address],
      sessionTimeoutMs: 40_000,
      maxFrameBytes: 2 ** 26,
    });
  }

  /** Registers everything; `consumers` of each interface. */
  async fill(consumers: number): Promise<void> {
    await this.#zooKeeper.connected(AbortSignal.timeout(30_000));
    await this.#zooKeeper.create("/dubbo");
    const interfaces = Array.from({ length: this.#size.services }, (_, index) => index);
    await this.#each(interfaces.map((index) => [`/dubbo/${nameOf(index)}`, false] as const));
    await this.#each(
      interfaces.flatMap((index) =>
        ["providers", "consumers", "configurators"].map((each) =>
          [`/dubbo/${nameOf(index)}/${each}`, false] as const
        )
      ),
    );
    const numbers = (count: number) => Array.from({ length: count }, (_, number) => number);
    await this.#each(
      interfaces.flatMap((index) => [
        ...numbers(this.#size.instances).map((number) => [providerPath(index, number), true] as const),
        ...numbers(consumers).map((number) => [consumerPath(index, number), true] as const),
      ]),
    );
  }

  /** Takes a provider away; settles when the server has answered. */
  async vanish(index: number, instance: number): Promise<void> {
    await this.#zooKeeper.delete(providerPath(index, instance));
  }

  /** Registers it again. */
  async comeBack(index: number, instance: number): Promise<void> {
    await this.#zooKeeper.create(providerPath(index, instance), undefined, { ephemeral: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#zooKeeper[Symbol.asyncDispose]();
  }

  async #each(nodes: readonly (readonly [path: string, ephemeral: boolean])[]): Promise<void> {
    for (let start = 0; start < nodes.length; start += atOnce) {
      await Promise.all(
        nodes.slice(start, start + atOnce).map(([path, ephemeral]) =>
          this.#zooKeeper.create(path, undefined, { ephemeral })
        ),
      );
    }
  }
}

function nameOf(index: number): string {
  return `com.acme.area${index % 50}.Service${index}`;
}

function addressOf(network: number, index: number, number: number): string {
  const place = index * 16 + number;
  return `${network}.${(place >> 16) & 255}.${(place >> 8) & 255}.${place & 255}`;
}

/** As long as those of Dubbo 2.7 and 3: some 500 characters, encoded. */
function providerPath(index: number, number: number): string {
  const name = nameOf(index);
  const url =
    `dubbo://${addressOf(10, index, number)}:20880/${name}?anyhost=true&application=app-${index % 1_000}` +
    `&deprecated=false&dubbo=2.0.2&dynamic=true&generic=false&interface=${name}` +
    "&methods=create,update,remove,find,findAll,count&pid=1234&release=2.7.23&service-name-mapping=true" +
    `&side=provider&timestamp=${1_700_000_000_000 + number}`;
  return `/dubbo/${name}/providers/${encodeURIComponent(url)}`;
}

function consumerPath(index: number, number: number): string {
  const name = nameOf(index);
  const application = `app-${(index * 7 + number * 131) % 1_000}`;
  const url =
    `consumer://${addressOf(11, index, number)}/${name}?application=${application}&category=consumers` +
    `&check=false&dubbo=2.0.2&interface=${name}&pid=1234&release=2.7.23&side=consumer&timestamp=1700000000000`;
  return `/dubbo/${name}/consumers/${encodeURIComponent(url)}`;
}
