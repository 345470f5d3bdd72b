import {
  AggregatedDiscoveryService,
  file_envoy_service_discovery_v3_discovery,
} from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { file_grpc_health_v1_health } from "../../../protos/gen/grpc/health/v1/health_pb.ts";
import { file_istio_mcp_v1alpha1_resource } from "../../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import { file_istio_networking_v1alpha3_service_entry } from "../../../protos/gen/istio/networking/v1alpha3/service_entry_pb.ts";
import { file_istio_networking_v1alpha3_sidecar } from "../../../protos/gen/istio/networking/v1alpha3/sidecar_pb.ts";
import type { GrpcMethods } from "./grpc-server.ts";
import { Health } from "./health.ts";
import { Reflection } from "./reflection.ts";
import type { SyncGate } from "../ingest/sync-gate.ts";

/**
 * The methods by which gRPC servers tell about themselves: health (serving from when the gate opens until the process
 * is asked to stop) and reflection, with the messages that travel inside of others.
 */
export function aboutUs(gate: SyncGate, stopping: AbortSignal): GrpcMethods {
  const health = new Health([AggregatedDiscoveryService.typeName]);
  void gate.opened.then(() => health.setServing(!stopping.aborted));
  stopping.addEventListener("abort", () => health.setServing(false), { once: true });
  const reflection = new Reflection([
    file_envoy_service_discovery_v3_discovery,
    file_grpc_health_v1_health,
    file_istio_mcp_v1alpha1_resource,
    file_istio_networking_v1alpha3_service_entry,
    file_istio_networking_v1alpha3_sidecar,
  ]);
  return new Map([...health.methods, ...reflection.methods]);
}
