import type { TracedSpan, Tracing } from "../telemetry/tracing.ts";
import type { Unit } from "./unit.ts";

/** Maximum number of units that are traced at a time: what comes on top, as at an outage, is published without a trace. */
const maxOpen = 1_000;

/**
 * The traces of one source: each begins when the registry names a change of a unit, and its last span here is the
 * message to the entry log, which takes the trace's context along.
 */
export class ChangeTraces {
  readonly #tracing: Tracing;
  readonly #attributes: Readonly<Record<string, string>>;
  readonly #open = new Map<Unit, TracedSpan>();

  constructor(tracing: Tracing, registry: string, source: string) {
    this.#tracing = tracing;
    this.#attributes = { "meshregistry.registry": registry, "meshregistry.source": source };
  }

  /** The registry has named a change of a unit. Further ones belong to the same trace until it is published. */
  changed(unit: Unit): void {
    if (this.#open.has(unit) || this.#open.size >= maxOpen) return;
    const attributes = { ...this.#attributes, "meshregistry.unit": unit };
    this.#open.set(unit, this.#tracing.span("registry change", { attributes }));
  }

  /** Converts a unit. */
  convert<Result>(unit: Unit, work: () => Result): Result {
    const change = this.#open.get(unit);
    if (change === undefined) return work();
    const span = this.#tracing.span("convert", { parent: change.traceparent });
    const result = work();
    span.end();
    return result;
  }

  /** A message of a unit is about to be published; undefined if its change isn't traced. */
  publishing(unit: Unit, subject: string): TracedSpan | undefined {
    const change = this.#open.get(unit);
    if (change === undefined) return undefined;
    const attributes = { "messaging.system": "nats", "messaging.destination.name": subject };
    return this.#tracing.span("publish", { parent: change.traceparent, kind: "producer", attributes });
  }

  /** Everything is published, as far as it differs. */
  doneAll(): void {
    this.done([...this.#open.keys()]);
  }

  /** What has changed of these units is published, as far as it differs. */
  done(units: Iterable<Unit>): void {
    for (const unit of units) {
      this.#open.get(unit)?.end();
      this.#open.delete(unit);
    }
  }
}
