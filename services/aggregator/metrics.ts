import { Counter, Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { ResourceKind } from "../../shared/model/manifest.ts";
import type { Dialect } from "./xds/protocol.ts";

/** The aggregator's metrics. Names that slime has keep their meaning. */
export class AggregatorMetrics {
  readonly clients: Gauge;
  readonly nacks: Counter;
  /** Clients that were sent away, by reason: `ack-timeout`, `too-far-behind`. */
  readonly dropped: Counter;
  readonly rejected: Gauge;
  readonly resources: Gauge;
  readonly endpoints: Gauge;
  readonly events: Counter;
  readonly resets: Counter;
  readonly #pushes: Counter;
  readonly #pushedBytes: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.clients = new Gauge({
      name: "meshregistry_xds_clients",
      help: "Connected xDS clients. A new one has no dialect (`none`) until its first request.",
      labelNames: ["dialect"],
      registers,
    });
    this.dropped = new Counter({
      name: "meshregistry_xds_dropped_clients_total",
      help: "Clients that were sent away.",
      labelNames: ["reason"],
      registers,
    });
    this.nacks = new Counter({
      name: "meshregistry_xds_nacks_total",
      help: "Responses that a client refused.",
      labelNames: ["type_url"],
      registers,
    });
    this.rejected = new Gauge({
      name: "meshregistry_rejected_resources",
      help:
        "Resources on the stream that are not served as they are, because Istio's rules or their form forbid it.",
      registers,
    });
    this.resources = new Gauge({
      name: "meshregistry_resources",
      help: "Served resources.",
      labelNames: ["kind"],
      registers,
    });
    this.endpoints = new Gauge({
      name: "meshregistry_endpoints",
      help: "Endpoints of all served ServiceEntries.",
      registers,
    });
    this.events = new Counter({
      name: "meshregistry_stream_events_total",
      help: "Messages read from the entry log.",
      labelNames: ["type"],
      registers,
    });
    this.resets = new Counter({
      name: "meshregistry_stream_resets_total",
      help: "Times that the entry log turned out to be another one, or rolled back, and was read anew.",
      registers,
    });
    this.#pushes = new Counter({
      name: "meshregistry_mcp_push_count",
      help: "Responses sent to xDS clients.",
      labelNames: ["kind", "dialect"],
      registers,
    });
    this.#pushedBytes = new Counter({
      name: "meshregistry_mcp_push_bytes_total",
      help: "Bytes of all responses sent to xDS clients.",
      labelNames: ["dialect"],
      registers,
    });
  }

  /** Counts a response; `kind` undefined is an empty answer to a type that we have none of. */
  pushed(kind: ResourceKind | undefined, dialect: Dialect, bytes: number): void {
    this.#pushes.inc({ kind: kind ?? "none", dialect });
    this.#pushedBytes.inc({ dialect }, bytes);
  }

  /** Says how many clients there are, by what they speak. */
  countClients(dialects: Iterable<Dialect | undefined>): void {
    const counts = new Map<string, number>();
    for (const dialect of dialects) {
      const name = dialect ?? "none";
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    this.clients.reset();
    for (const [dialect, count] of counts) this.clients.set({ dialect }, count);
  }
}
