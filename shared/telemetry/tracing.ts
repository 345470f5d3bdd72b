import type { Config } from "../config/mod.ts";
import type { Logger } from "../runtime/log.ts";

/** Texts and numbers that say what a span is about. */
export type SpanAttributes = Readonly<Record<string, string | number>>;

/** What a span begins with. Contexts are W3C `traceparent`s; those that can't be read count for none. */
export interface SpanStart {
  /** Absent: the span begins a trace. */
  readonly parent?: string | undefined;
  /** Further spans that it follows from. */
  readonly links?: readonly string[];
  /** `producer` and `consumer` of a message; default: within the process. */
  readonly kind?: "producer" | "consumer" | "internal";
  readonly attributes?: SpanAttributes;
}

/** A span that was begun. */
export interface TracedSpan {
  /** Its context, for messages and for spans below it. */
  readonly traceparent: string;
  /** Ends it; `error` says what went wrong. Further calls do nothing. */
  end(error?: string): void;
}

/** Records what a change costs on its way, for OpenTelemetry. Disposing sends what is left. */
export interface Tracing extends AsyncDisposable {
  span(name: string, start: SpanStart): TracedSpan;
}

/** Who records spans. */
export interface TracingProcess {
  /** The name of the service, unless `OTEL_SERVICE_NAME` says another. */
  readonly service: string;
  readonly version: string;
  /** Which of its replicas. */
  readonly instance: string;
  readonly log: Logger;
}

/** Opens tracing, if it is enabled. OpenTelemetry's packages are loaded then, and only then. */
export async function openTracing(
  { tracing }: Pick<Config, "tracing">,
  process: TracingProcess,
): Promise<Tracing | undefined> {
  if (!tracing.enabled) return undefined;
  const { OtlpTracing } = await import("./otlp-tracing.ts");
  return new OtlpTracing(tracing, process);
}
