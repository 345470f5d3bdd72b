import { Counter, Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { PublishSummary } from "./publish-summary.ts";

/** slime's texts for the kinds of resources: the label `config_type`. */
const configTypes = { ServiceEntry: configType("ServiceEntry"), Sidecar: configType("Sidecar") };

type Kind = keyof typeof configTypes;

function configType(kind: string): string {
  return `[Schema](${kind}, "istio.io/api/networking/v1alpha3", istio.networking.v1alpha3.${kind})`;
}

/**
 * Metrics of slime's collectors that its users' alerts read, with the same names, labels and meaning. An event counts
 * when it is stored, so its status is always true; slime has none for what it can't build.
 */
export class SlimeMetrics {
  readonly #serviceEntries: Counter;
  readonly #sidecars: Gauge;
  readonly #sidecarChanges: Readonly<Record<"created" | "updated" | "deleted", Counter>>;
  readonly #events: Counter;
  readonly #requests: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string, labelNames: readonly string[] = ["source"]) =>
      new Counter({ name, help, labelNames: [...labelNames], registers });
    this.#serviceEntries = counter(
      "meshregistry_service_entry_total",
      "ServiceEntries published for the first time; as in slime, those that are deleted stay counted.",
    );
    this.#sidecars = new Gauge({
      name: "meshregistry_sidecar_total",
      help: "Sidecars published since the start, less those deleted.",
      labelNames: ["source"],
      registers,
    });
    this.#sidecarChanges = {
      created: counter("meshregistry_sidecar_creation", "Sidecars published for the first time."),
      updated: counter("meshregistry_sidecar_update", "Sidecars published with other content."),
      deleted: counter("meshregistry_sidecar_deletion", "Sidecars deleted."),
    };
    this.#events = counter(
      "meshregistry_source_event_count",
      "Changes published, by kind of the resource and of the change.",
      ["source", "config_type", "event_type", "status"],
    );
    this.#requests = counter(
      "meshregistry_source_client_request_count",
      "Requests to the registry.",
      ["source", "status"],
    );
  }

  /** Lets the series of a source exist. */
  start(source: string): void {
    this.#sidecars.set({ source }, 0);
    this.published(source, {
      created: 0,
      updated: 0,
      emptied: 0,
      deleted: 0,
      unchanged: 0,
      held: 0,
      sidecars: { created: 0, updated: 0, deleted: 0 },
    });
    for (const status of ["true", "false"]) this.#requests.inc({ source, status }, 0);
  }

  /** Counts a request. */
  requested(source: string, success: boolean): void {
    this.#requests.inc({ source, status: String(success) });
  }

  /** Counts what was published. */
  published(source: string, { created, updated, emptied, deleted, sidecars }: PublishSummary): void {
    this.#serviceEntries.inc({ source }, created);
    this.#event(source, "ServiceEntry", "Added", created);
    // To slime, a service that lost its endpoints is an update.
    this.#event(source, "ServiceEntry", "Updated", updated + emptied);
    this.#event(source, "ServiceEntry", "Deleted", deleted);
    if (sidecars === undefined) return;
    this.#sidecars.inc({ source }, sidecars.created - sidecars.deleted);
    for (const what of ["created", "updated", "deleted"] as const) {
      this.#sidecarChanges[what].inc({ source }, sidecars[what]);
    }
    this.#event(source, "Sidecar", "Added", sidecars.created);
    this.#event(source, "Sidecar", "Updated", sidecars.updated);
    this.#event(source, "Sidecar", "Deleted", sidecars.deleted);
  }

  #event(source: string, kind: Kind, event: "Added" | "Updated" | "Deleted", count: number): void {
    const labels = { source, config_type: configTypes[kind], event_type: event, status: "true" };
    this.#events.inc(labels, count);
  }
}
