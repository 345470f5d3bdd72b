import { pause } from "../runtime/waiting.ts";
import { anonymous } from "./auth/authenticator.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import { GrpcConnection } from "./grpc/connection.ts";
import { usualHealthTimes } from "./grpc/health.ts";
import { isNacosError } from "./nacos-error.ts";
import type { NacosInstance, ServiceName } from "./nacos.ts";
import { parseServers } from "./server-address.ts";
import { serviceKey } from "./wire/service-key.ts";

/** An instance to register; what is left out is usual. */
export type ProvidedInstance =
  & Pick<NacosInstance, "ip" | "port">
  & Partial<Omit<NacosInstance, "instanceId">>;

/** A connection that couldn't be made is tried again after this time, in milliseconds. */
const retryMs = 200;

/** Registers instances over gRPC, as an application does: they are gone when it is disposed of. */
export class NacosProvider implements AsyncDisposable {
  readonly #connection: GrpcConnection;
  readonly #namespace: string;
  readonly #isNacos: boolean;
  readonly #registered = new Map<string, readonly ProvidedInstance[]>();

  private constructor(connection: GrpcConnection, namespace: string, isNacos: boolean) {
    this.#connection = connection;
    this.#namespace = namespace;
    this.#isNacos = isNacos;
  }

  /** @param isNacos false for a server that adds a batch to what there is, and doesn't replace it */
  static async open(
    address: string,
    { namespace = "public", authenticator = anonymous, isNacos = true }: {
      readonly namespace?: string;
      readonly authenticator?: Authenticator;
      readonly isNacos?: boolean;
    } = {},
  ): Promise<NacosProvider> {
    const [server] = parseServers([address], { tls: false });
    if (server === undefined) throw new Error("no server");
    const nothing = () => undefined;
    const signal = AbortSignal.timeout(60_000);
    for (;;) {
      try {
        const connection = await GrpcConnection.open({
          server,
          tls: undefined,
          application: "provider",
          clientIp: "127.0.0.1",
          maxMessageBytes: 10 * 1024 * 1024,
          requestTimeoutMs: 30_000,
          health: usualHealthTimes,
          authenticator,
          count: nothing,
          onPush: nothing,
          onReset: nothing,
          onEnd: nothing,
        }, signal);
        return new NacosProvider(connection, namespace, isNacos);
      } catch (error) {
        // A server that was just started, on a busy machine, may not acknowledge the first connection in time.
        if (signal.aborted || !isNacosError(error, "unreachable")) throw error;
        await pause(retryMs, signal);
      }
    }
  }

  /** Replaces what it has registered for a service. */
  async set(service: ServiceName, instances: readonly ProvidedInstance[]): Promise<void> {
    const body = { namespace: this.#namespace, serviceName: service.name, groupName: service.group };
    const before = this.#registered.get(serviceKey(service)) ?? [];
    this.#registered.set(serviceKey(service), instances);
    if (instances.length === 0 || !this.#isNacos) {
      // To Nacos any of them is all of them: what a connection has registered for a service is one thing.
      for (const instance of before.map(toJson)) {
        const type = "deregisterInstance";
        await this.#connection.request({
          operation: "",
          type: "Instance",
          body: { ...body, type, instance },
        });
      }
    }
    if (instances.length === 0) return;
    await this.#connection.request({
      operation: "",
      type: "BatchInstance",
      body: { ...body, type: "batchRegisterInstance", instances: instances.map(toJson) },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close();
    await Promise.resolve();
  }
}

function toJson({ cluster, ...instance }: ProvidedInstance) {
  return {
    weight: 1,
    healthy: true,
    enabled: true,
    ephemeral: true,
    metadata: {},
    ...(cluster !== undefined && { clusterName: cluster }),
    ...instance,
  };
}
