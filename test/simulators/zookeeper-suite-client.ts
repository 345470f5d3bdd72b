import { expect, vi } from "vitest";
import { TcpProxy } from "../../shared/entry-log/jetstream/tcp-proxy-rig.ts";
import { MeshError } from "../../shared/runtime/errors.ts";
import { ZooKeeperError } from "../../shared/zookeeper/zookeeper-error.ts";
import type {
  SessionEvent,
  WatchEvent,
  ZooKeeper,
  ZooKeeperOptions,
} from "../../shared/zookeeper/zookeeper.ts";

/** For polling: a loaded machine takes its time. */
export const patient = { timeout: 60_000, interval: 20 };

/** A client with all that it told. */
export class SuiteClient implements AsyncDisposable {
  readonly zooKeeper: ZooKeeper;
  readonly sessionEvents: SessionEvent[] = [];
  readonly watchEvents: WatchEvent[] = [];

  constructor(zooKeeper: ZooKeeper) {
    this.zooKeeper = zooKeeper;
    zooKeeper.onSession((event) => this.sessionEvents.push(event));
    zooKeeper.onWatch((event) => this.watchEvents.push(event));
  }

  /** Opens one and waits for its connection. */
  static async open(open: OpenClient, options: Partial<ZooKeeperOptions>): Promise<SuiteClient> {
    const client = new SuiteClient(
      open({ servers: [], sessionTimeoutMs: 30_000, maxFrameBytes: 64 * 1024 * 1024, ...options }),
    );
    await client.zooKeeper.connected(AbortSignal.timeout(60_000));
    return client;
  }

  /** The session events so far, without how often it lost and found a connection. */
  count(event: SessionEvent): number {
    return this.sessionEvents.filter((one) => one === event).length;
  }

  /** Waits until a session event came so many times. Not by `expect.poll`, which is of one test: some run at once. */
  async saw(event: SessionEvent, times: number): Promise<void> {
    await vi.waitFor(() => expect(this.count(event)).toBeGreaterThanOrEqual(times), patient);
  }

  /** The watches that fired below a path, as `type path`. */
  fired(below: string): string[] {
    return this.watchEvents.filter(({ path }) => path.startsWith(below)).map(({ type, path }) =>
      `${type} ${path}`
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.zooKeeper[Symbol.asyncDispose]();
  }
}

/** Makes a client of the driver that is tested. */
export type OpenClient = (options: ZooKeeperOptions) => ZooKeeper;

/** A proxy before a server, and its `host:port`. */
export async function startProxy(address: string): Promise<{ proxy: TcpProxy; address: string }> {
  const proxy = await TcpProxy.start(Number(address.slice(address.lastIndexOf(":") + 1)));
  return { proxy, address: `127.0.0.1:${proxy.url.slice(proxy.url.lastIndexOf(":") + 1)}` };
}

/** How a request was refused: `refusal code`; undefined if it wasn't. */
export async function refusalOf(request: Promise<unknown>): Promise<string | undefined> {
  try {
    await request;
    return undefined;
  } catch (error) {
    if (error instanceof ZooKeeperError) return `${error.refusal} ${error.code}`;
    if (error instanceof MeshError) return error.code;
    throw error;
  }
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A running ZooKeeper that nobody else uses, or what passes for one. */
export interface ZooKeeperSuiteServer extends AsyncDisposable {
  /** `host:port` on loopback. */
  readonly address: string;
}

/** What all tests of a suite share: a server and two clients of it. */
export class SuiteContext implements AsyncDisposable {
  readonly #start: () => Promise<ZooKeeperSuiteServer>;
  readonly #open: OpenClient;
  readonly #disposables = new AsyncDisposableStack();
  #running:
    | { readonly address: string; readonly client: SuiteClient; readonly other: SuiteClient }
    | undefined;

  constructor(start: () => Promise<ZooKeeperSuiteServer>, open: OpenClient) {
    this.#start = start;
    this.#open = open;
  }

  async begin(): Promise<void> {
    const { address } = this.#disposables.use(await this.#start());
    const client = this.#disposables.use(await SuiteClient.open(this.#open, { servers: [address] }));
    const other = this.#disposables.use(await SuiteClient.open(this.#open, { servers: [address] }));
    this.#running = { address, client, other };
  }

  get address(): string {
    return this.#begun.address;
  }

  get client(): SuiteClient {
    return this.#begun.client;
  }

  get other(): SuiteClient {
    return this.#begun.other;
  }

  /** A further client, of the suite's server unless the options say otherwise. */
  async connect(options: Partial<ZooKeeperOptions> = {}): Promise<SuiteClient> {
    return await SuiteClient.open(this.#open, { servers: [this.address], ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disposables.disposeAsync();
  }

  get #begun() {
    if (this.#running === undefined) throw new TypeError("the suite has not begun");
    return this.#running;
  }
}
