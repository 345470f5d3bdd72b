/** What a sidecar's Envoy needs to know to start. */
export interface BootstrapOptions {
  readonly adminPort: number;
  /** Where {@link interception} listens. */
  readonly interceptionPort: number;
  /** Port of istiod's xDS on loopback. */
  readonly istiodPort: number;
  readonly protocol: "delta" | "stateOfTheWorld";
}

/** Envoy's bootstrap configuration for a sidecar, with what Istio's agent puts into it as far as istiod looks at it. */
export function sidecarBootstrap(options: BootstrapOptions): object {
  const { adminPort, interceptionPort, istiodPort, protocol } = options;
  // Without a limit: a sidecar must not become ready with half of its configuration.
  const overAds = { ads: {}, initial_fetch_timeout: "0s", resource_api_version: "V3" };
  return {
    node: {
      id: "sidecar~127.0.0.1~probe-0.default~default.svc.cluster.local",
      cluster: "probe.default",
      metadata: {
        NAME: "probe-0",
        NAMESPACE: "default",
        CLUSTER_ID: "Kubernetes",
        MESH_ID: "cluster.local",
        ISTIO_VERSION: "1.32.0",
        // Listeners at the addresses of the services, to which connections are redirected.
        INTERCEPTION_MODE: "REDIRECT",
        INSTANCE_IPS: "127.0.0.1",
        SERVICE_ACCOUNT: "default",
        LABELS: { app: "probe" },
        PROXY_CONFIG: { concurrency: 1 },
      },
    },
    admin: { address: loopback(adminPort) },
    dynamic_resources: {
      lds_config: overAds,
      cds_config: overAds,
      ads_config: {
        api_type: protocol === "delta" ? "DELTA_GRPC" : "GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: "xds-grpc" } }],
      },
    },
    static_resources: {
      listeners: [interception(interceptionPort)],
      clusters: [istiodCluster(istiodPort)],
    },
  };
}

/**
 * Stands for iptables: takes connections whose first line (PROXY protocol) says where they were going, and hands each
 * to the listener that istiod made for that address, though nothing is bound there.
 */
function interception(port: number): object {
  return {
    name: "interception",
    use_original_dst: true,
    address: loopback(port),
    listener_filters: [{
      name: "envoy.filters.listener.proxy_protocol",
      typed_config: typed("envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol", {}),
    }],
    filter_chains: [{
      filters: [{
        name: "envoy.filters.network.direct_response",
        typed_config: typed("envoy.extensions.filters.network.direct_response.v3.Config", {
          response: { inline_string: "no listener has this destination\n" },
        }),
      }],
    }],
  };
}

function istiodCluster(port: number): object {
  return {
    name: "xds-grpc",
    type: "STATIC",
    connect_timeout: "1s",
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        { explicit_http_config: { http2_protocol_options: {} } },
      ),
    },
    load_assignment: {
      cluster_name: "xds-grpc",
      endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(port) } }] }],
    },
  };
}

function loopback(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}

function typed(type: string, message: object): object {
  return { "@type": `type.googleapis.com/${type}`, ...message };
}
