import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "prom-client";
import { resourceKinds } from "../../shared/model/manifest.ts";
import type { ResourceKind } from "../../shared/model/manifest.ts";
import { dialects } from "./xds/protocol.ts";
import type { Dialect } from "./xds/protocol.ts";
import { knownTypeUrls } from "./xds/type-urls.ts";

/** Why clients are sent away. */
const dropReasons = ["ack-timeout", "too-far-behind"];

/** What happened since the start, for answers that are made often; the metrics have the same with labels. */
export interface Totals {
  /** Messages of the entry log. */
  read: number;
  /** Responses to clients. */
  pushes: number;
  /** Responses with a change that clients acknowledged, and the times from change to acknowledgement together. */
  acknowledged: number;
  acknowledgedMs: number;
}

/** The bounds that slime's library gives a histogram. */
const readyTimeBuckets = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000];

/** Seconds; an alert needs a bound at its objective (`deploy/monitoring`: one second). */
const changeToAckBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/**
 * The aggregator's metrics. Names that slime has keep their meaning. Series whose labels are known exist at 0 from the
 * start, so that an alert tells "nothing happened" from "nobody looked".
 */
export class AggregatorMetrics {
  readonly clients: Gauge;
  /** Streams of istiods to ports of shards that are gone. */
  readonly surplusSources: Gauge;
  readonly nacks: Counter;
  /** Clients that were not served, by reason. */
  readonly refused: Counter;
  /** Clients that were sent away, by reason. */
  readonly dropped: Counter;
  readonly rejected: Gauge;
  /** Resources that the entry log hasn't shown again since its reset. */
  readonly unconfirmed: Gauge;
  /** Resources that the aggregator holds, because their source lost too many at once. */
  readonly held: Gauge;
  readonly resources: Gauge;
  readonly endpoints: Gauge;
  readonly events: Counter;
  readonly resets: Counter;
  readonly totals: Totals = { read: 0, pushes: 0, acknowledged: 0, acknowledgedMs: 0 };
  /** How many sources are configured. */
  readonly enabledSources: Gauge;
  readonly #startedMs = performance.now();
  readonly #readyTime: Histogram;
  readonly #changeToAck: Histogram;
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
    this.surplusSources = new Gauge({
      name: "meshregistry_xds_surplus_sources",
      help: "Streams of istiods to ports of shards that are gone: sources that they should have no longer.",
      registers,
    });
    this.dropped = new Counter({
      name: "meshregistry_xds_dropped_clients_total",
      help: "Clients that were sent away.",
      labelNames: ["reason"],
      registers,
    });
    this.refused = new Counter({
      name: "meshregistry_xds_refused_total",
      help: "Connections, streams and filters of clients that a limit forbade.",
      labelNames: ["reason"],
      registers,
    });
    this.nacks = new Counter({
      name: "meshregistry_xds_nacks_total",
      help: "Responses that a client refused; `other`: of a type that nothing is served of.",
      labelNames: ["type_url"],
      registers,
    });
    this.rejected = new Gauge({
      name: "meshregistry_rejected_resources",
      help:
        "Resources on the stream that are not served as they are, because Istio's rules or their form forbid it.",
      registers,
    });
    this.unconfirmed = new Gauge({
      name: "meshregistry_unconfirmed_resources",
      help: "Served resources that the entry log has not shown again since it was reset.",
      labelNames: ["registry", "source"],
      registers,
    });
    this.held = new Gauge({
      name: "meshregistry_aggregator_held_resources",
      help:
        "Served resources that their collector did not publish again after a reset of the entry log, held by the guard.",
      labelNames: ["registry", "source"],
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
    this.enabledSources = new Gauge({
      name: "meshregistry_enabled_source",
      help: "Sources that are switched on.",
      registers,
    });
    this.#readyTime = new Histogram({
      name: "meshregistry_ready_time",
      help: "Seconds from the start until a source was ready, and (source `sources`) until all were.",
      labelNames: ["source"],
      buckets: readyTimeBuckets,
      registers,
    });
    this.#changeToAck = new Histogram({
      name: "meshregistry_change_to_ack_seconds",
      help: "Seconds from a change's arrival at the aggregator until a client acknowledged it.",
      labelNames: ["dialect"],
      buckets: changeToAckBuckets,
      registers,
    });
    for (const dialect of dialects) this.#changeToAck.zero({ dialect });
    for (const typeUrl of [...knownTypeUrls, "other"]) this.nacks.inc({ type_url: typeUrl }, 0);
    this.countClients([]);
    for (const reason of dropReasons) this.dropped.inc({ reason }, 0);
    for (const dialect of dialects) {
      this.#pushedBytes.inc({ dialect }, 0);
      for (const kind of [...resourceKinds, "none"]) this.#pushes.inc({ kind, dialect }, 0);
    }
    for (const kind of resourceKinds) this.resources.set({ kind }, 0);
  }

  /** A source is ready, or (`sources`) all of them are. */
  ready(source: string): void {
    this.#readyTime.observe({ source }, (performance.now() - this.#startedMs) / 1000);
  }

  /** Counts a response; `kind` undefined is an empty answer to a type that we have none of. */
  pushed(kind: ResourceKind | undefined, dialect: Dialect, bytes: number): void {
    this.totals.pushes++;
    this.#pushes.inc({ kind: kind ?? "none", dialect });
    this.#pushedBytes.inc({ dialect }, bytes);
  }

  /** A client acknowledged a response, `tookMs` after the first change that it brought. */
  acknowledged(dialect: Dialect, tookMs: number): void {
    this.totals.acknowledged++;
    this.totals.acknowledgedMs += tookMs;
    this.#changeToAck.observe({ dialect }, tookMs / 1000);
  }

  /** Says how many clients there are, by what they speak. */
  countClients(spoken: Iterable<Dialect | undefined>): void {
    const counts = new Map<string, number>();
    for (const name of [...dialects, "none"]) counts.set(name, 0);
    for (const dialect of spoken) {
      const name = dialect ?? "none";
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const [dialect, count] of counts) this.clients.set({ dialect }, count);
  }
}
