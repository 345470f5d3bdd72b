import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthCheckResponseSchema,
} from "../../../protos/gen/grpc/health/v1/health_pb.ts";
import type { CallHandler, GrpcCall } from "./grpc-call.ts";
import { GrpcStatus } from "./grpc-status.ts";
import type { GrpcMethod } from "./grpc-server.ts";

/**
 * `grpc.health.v1.Health` of a server that serves all of its services or none: what Kubernetes' gRPC probes and gRPC's
 * own load balancers ask («GRPC Health Checking Protocol»). The empty name means the server.
 */
export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Set<() => void>();
  #serving = false;

  /** `services` are full names, such as `envoy.service.discovery.v3.AggregatedDiscoveryService`. */
  constructor(services: readonly string[]) {
    this.#services = new Set(["", ...services]);
  }

  /** Says whether the services can be used from now on. Not before the first call. */
  setServing(serving: boolean): void {
    if (serving === this.#serving) return;
    this.#serving = serving;
    for (const tell of this.#watchers) tell();
  }

  /** The methods `Check` and `Watch`, by path. */
  get methods(): ReadonlyMap<string, GrpcMethod> {
    return new Map([
      ["/grpc.health.v1.Health/Check", (call: GrpcCall) => this.#check(call)],
      ["/grpc.health.v1.Health/Watch", (call: GrpcCall) => this.#watch(call)],
    ]);
  }

  #statusOf(service: string): ServingStatus {
    if (!this.#services.has(service)) return ServingStatus.SERVICE_UNKNOWN;
    return this.#serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }

  #check(call: GrpcCall): CallHandler {
    return {
      onMessage: (bytes) => {
        const { service } = fromBinary(HealthCheckRequestSchema, bytes);
        const status = this.#statusOf(service);
        if (status === ServingStatus.SERVICE_UNKNOWN) {
          call.end(GrpcStatus.notFound, `no service ${service}`);
          return;
        }
        send(call, status);
        call.end(GrpcStatus.ok, "");
      },
      onClose: () => {},
    };
  }

  #watch(call: GrpcCall): CallHandler {
    let told: ServingStatus | undefined;
    let tell = () => {};
    return {
      onMessage: (bytes) => {
        const { service } = fromBinary(HealthCheckRequestSchema, bytes);
        this.#watchers.delete(tell);
        tell = () => {
          const status = this.#statusOf(service);
          if (status === told) return;
          told = status;
          send(call, status);
        };
        this.#watchers.add(tell);
        tell();
      },
      // The client has said what it watches; the stream goes on.
      onHalfClose: () => {},
      onClose: () => this.#watchers.delete(tell),
    };
  }
}

function send(call: GrpcCall, status: ServingStatus): void {
  call.send([toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status }))]);
}
