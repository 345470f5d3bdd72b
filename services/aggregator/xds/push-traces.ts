import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { SpanAttributes, TracedSpan, Tracing } from "../../../shared/telemetry/tracing.ts";

/** Maximum number of changes that are remembered, for clients that aren't sent them at once. */
const maxChanges = 1_000;

/** Maximum number of further changes of one response that are linked. */
const maxLinks = 100;

interface TracedChange {
  readonly number: number;
  readonly kind: ResourceKind;
  readonly traceparent: string;
}

/** Carries traces on from the messages of collectors to the responses that bring their changes to clients. */
export class PushTraces {
  readonly #tracing: Tracing;
  #changes: TracedChange[] = [];
  #last = 0;

  constructor(tracing: Tracing) {
    this.#tracing = tracing;
  }

  /** Takes a message in that has the context of a trace. */
  async ingest(
    kind: ResourceKind,
    subject: string,
    parent: string,
    work: () => void | Promise<void>,
  ): Promise<void> {
    const attributes = { "messaging.system": "nats", "messaging.destination.name": subject };
    const span = this.#tracing.span("ingest", { parent, kind: "consumer", attributes });
    this.#changes.push({ number: ++this.#last, kind, traceparent: span.traceparent });
    if (this.#changes.length > maxChanges) this.#changes.splice(0, maxChanges / 2);
    try {
      await work();
    } finally {
      span.end();
    }
  }

  /** The traces of a client that comes now: what it is sent first is no change. */
  client(): ClientTraces {
    return new ClientTraces(this.#tracing, (kind, after) => this.#since(kind, after), () => this.#last);
  }

  #since(kind: ResourceKind, after: number): readonly TracedChange[] {
    return this.#changes.filter((change) => change.kind === kind && change.number > after);
  }
}

/** The responses that one client is sent: a span from each to its acknowledgement or refusal. */
export class ClientTraces {
  readonly #tracing: Tracing;
  readonly #since: (kind: ResourceKind, after: number) => readonly TracedChange[];
  readonly #last: () => number;
  readonly #open = new Map<ResourceKind, TracedSpan>();
  readonly #seen = new Map<ResourceKind, number>();
  #known: number;
  #settled: number;

  constructor(
    tracing: Tracing,
    since: (kind: ResourceKind, after: number) => readonly TracedChange[],
    last: () => number,
  ) {
    this.#tracing = tracing;
    this.#since = since;
    this.#last = last;
    this.#known = last();
    this.#settled = this.#known;
  }

  /** The client hears of what has been taken in so far. */
  changed(): void {
    this.#known = this.#last();
  }

  /**
   * A response of that kind was sent, with all its changes so far. The span belongs to the trace of the first of them,
   * and is linked to the others'.
   */
  sent(kind: ResourceKind, attributes: SpanAttributes): void {
    const [first, ...others] = this.#since(kind, Math.max(this.#seen.get(kind) ?? 0, this.#settled));
    this.#seen.set(kind, this.#last());
    if (first === undefined) return;
    this.#open.get(kind)?.end("another response follows");
    const links = others.slice(0, maxLinks).map(({ traceparent }) => traceparent);
    this.#open.set(kind, this.#tracing.span("push", { parent: first.traceparent, links, attributes }));
  }

  /** The client has taken the last response of that kind, or refused it. */
  answered(kind: ResourceKind, error?: string): void {
    this.#open.get(kind)?.end(error);
    this.#open.delete(kind);
  }

  /** There is nothing to send and nothing on its way: what has changed is nothing that this client sees. */
  settled(): void {
    this.#settled = this.#known;
  }

  /** The client has gone. */
  close(): void {
    for (const span of this.#open.values()) span.end("the client left before it answered");
    this.#open.clear();
  }
}
