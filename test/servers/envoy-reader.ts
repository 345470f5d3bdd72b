import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/**
 * Reads the few fields of Envoy's resources that a test looks at, straight from the wire format: Envoy's full protos
 * are hundreds of files, and a sidecar's view comes down to names and addresses.
 */

/** What a test wants to know of a Cluster. */
export interface ClusterView {
  readonly name: string;
  /** Name under which its endpoints are subscribed; `undefined` unless it is of type EDS. */
  readonly edsName: string | undefined;
  /** Endpoints that the cluster itself lists (STATIC and STRICT_DNS), each `address:port`. */
  readonly endpoints: readonly string[];
}

/** The endpoints of one EDS resource, each `address:port`, sorted. */
export interface AssignmentView {
  readonly name: string;
  readonly endpoints: readonly string[];
  /** Those of them that are called with Istio's mTLS. */
  readonly mutualTls: readonly string[];
}

/** A message as its fields by number: numbers for varints, bytes for everything with a length. */
class Fields {
  readonly #fields = new Map<number, (number | Uint8Array)[]>();

  constructor(bytes: Uint8Array) {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [number, type] = reader.tag();
      const value = readValue(reader, number, type);
      if (value === undefined) continue;
      const values = this.#fields.get(number);
      if (values === undefined) this.#fields.set(number, [value]);
      else values.push(value);
    }
  }

  number(field: number): number {
    return this.#fields.get(field)?.findLast((value) => typeof value === "number") ?? 0;
  }

  text(field: number): string {
    return Buffer.from(this.#bytes(field).at(-1) ?? []).toString("utf8");
  }

  messages(field: number): readonly Fields[] {
    return this.#bytes(field).map((bytes) => new Fields(bytes));
  }

  #bytes(field: number): readonly Uint8Array[] {
    return (this.#fields.get(field) ?? []).filter((value) => typeof value !== "number");
  }
}

function readValue(reader: BinaryReader, field: number, type: WireType): number | Uint8Array | undefined {
  if (type === WireType.Varint) return Number(reader.uint64());
  if (type === WireType.LengthDelimited) return reader.bytes();
  reader.skip(type, field);
  return undefined;
}

/** `envoy.config.cluster.v3.Cluster.DiscoveryType.EDS`. */
const typeEds = 3;

/** Reads an `envoy.config.cluster.v3.Cluster`: name 1, type 2, eds_cluster_config 3, load_assignment 33. */
export function readCluster(bytes: Uint8Array): ClusterView {
  const cluster = new Fields(bytes);
  const name = cluster.text(1);
  const serviceName = cluster.messages(3).at(-1)?.text(2) ?? "";
  return {
    name,
    edsName: cluster.number(2) === typeEds ? serviceName || name : undefined,
    endpoints: cluster.messages(33).flatMap((assignment) => endpointsOf(assignment)),
  };
}

/** Reads an `envoy.config.endpoint.v3.ClusterLoadAssignment`: cluster_name 1, endpoints 2. */
export function readAssignment(bytes: Uint8Array): AssignmentView {
  const assignment = new Fields(bytes);
  return {
    name: assignment.text(1),
    endpoints: endpointsOf(assignment).sort(),
    mutualTls: endpointsOf(assignment, isMutualTls).sort(),
  };
}

/** endpoints 2 → lb_endpoints 2 → endpoint 1 → address 1 → socket_address 1 → address 2, port_value 3. */
function endpointsOf(assignment: Fields, filter: (lbEndpoint: Fields) => boolean = () => true): string[] {
  return assignment.messages(2)
    .flatMap((locality) => locality.messages(2))
    .filter(filter)
    .flatMap((lbEndpoint) => lbEndpoint.messages(1))
    .flatMap((endpoint) => endpoint.messages(1))
    .flatMap((address) => address.messages(1))
    .map((socket) => `${socket.text(2)}:${socket.number(3)}`);
}

/**
 * metadata 3 → filter_metadata 1 (key 1, value 2: a Struct) → fields 1 (key 1, value 2) → string_value 3: by
 * `envoy.transport_socket_match`, `tlsMode` Envoy chooses how to connect.
 */
function isMutualTls(lbEndpoint: Fields): boolean {
  return lbEndpoint.messages(3)
    .flatMap((metadata) => metadata.messages(1))
    .filter((filter) => filter.text(1) === "envoy.transport_socket_match")
    .flatMap((filter) => filter.messages(2))
    .flatMap((struct) => struct.messages(1))
    .some((field) =>
      field.text(1) === "tlsMode" && field.messages(2).some((value) => value.text(3) === "istio")
    );
}

/**
 * Reads the names of the routes that an `envoy.config.listener.v3.Listener` refers to: filter_chains 3 and
 * default_filter_chain 25 → filters 3 → typed_config 4 → (Any) value 2 → rds 3 → route_config_name 2.
 */
export function readRouteNames(bytes: Uint8Array): readonly string[] {
  const listener = new Fields(bytes);
  const configs = [...listener.messages(3), ...listener.messages(25)]
    .flatMap((chain) => chain.messages(3))
    .flatMap((filter) => filter.messages(4))
    .filter((any) => any.text(1).endsWith(".HttpConnectionManager"));
  return configs
    .flatMap((any) => any.messages(2))
    .flatMap((manager) => manager.messages(3))
    .map((rds) => rds.text(2))
    .filter((name) => name !== "");
}

/** Name of a Listener or RouteConfiguration: field 1 in both. */
export function readName(bytes: Uint8Array): string {
  return new Fields(bytes).text(1);
}
