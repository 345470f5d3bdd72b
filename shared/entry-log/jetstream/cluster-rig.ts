import { jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamManager, StreamUpdateConfig } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { NatsCluster } from "../../../test/servers/nats-cluster.ts";
import { eventually } from "../conformance/test-follower.ts";
import { createLogger } from "../../runtime/log.ts";
import { JetStreamEntryLog } from "./jetstream.ts";
import type { JetStreamOptions } from "./jetstream.ts";
import { stream } from "./nats-rig.ts";

/** A stream of three replicas in a cluster that several tests use in turn; it is deleted in the end. */
export class ClusterRig implements AsyncDisposable {
  readonly cluster: NatsCluster;
  readonly manager: JetStreamManager;
  readonly #stack: AsyncDisposableStack;
  readonly #stop = new AbortController();

  private constructor(cluster: NatsCluster, manager: JetStreamManager, stack: AsyncDisposableStack) {
    this.cluster = cluster;
    this.manager = manager;
    this.#stack = stack;
  }

  /** `credentials` are an administrator's. */
  static async start(
    cluster: NatsCluster,
    credentials: { readonly user?: string; readonly pass?: string } = {},
  ): Promise<ClusterRig> {
    const stack = new AsyncDisposableStack();
    const connection = await connect({
      servers: [...cluster.urls],
      maxReconnectAttempts: -1,
      ...credentials,
    });
    stack.defer(async () => await connection.close());
    const manager = await jetstreamManager(connection, { checkAPI: false });
    stack.defer(async () => void (await manager.streams.delete(stream).catch(() => {})));
    return new ClusterRig(cluster, manager, stack);
  }

  /** A connected log. */
  async open(options: Partial<JetStreamOptions> = {}): Promise<JetStreamEntryLog> {
    const log = createLogger("entry-log-test");
    log.level = process.env["LOG_LEVEL"] ?? "silent";
    const entryLog = await JetStreamEntryLog.connect({
      servers: this.cluster.urls,
      name: "test",
      replicas: 3,
      log,
      ...options,
      signal: this.#stop.signal,
    });
    return this.#stack.use(entryLog);
  }

  /**
   * Changes the stream's configuration. A cluster that is just electing a leader takes no requests, and a new leader may
   * not know yet of a stream that was just made.
   */
  async update(changes: Partial<StreamUpdateConfig>): Promise<void> {
    const change = async () => {
      const { config } = await this.manager.streams.info(stream);
      await this.manager.streams.update(stream, { ...config, ...changes });
    };
    await eventually("the stream is changed", async () => await change().then(() => true, () => false));
  }

  /** The name of the server that leads the stream. */
  async leader(): Promise<string | undefined> {
    return (await this.manager.streams.info(stream)).cluster?.leader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#stack.disposeAsync();
  }
}
