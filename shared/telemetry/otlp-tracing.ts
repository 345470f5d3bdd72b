import { diag, DiagLogLevel, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Context, SpanContext, Tracer } from "@opentelemetry/api";
import { parseTraceParent } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { z } from "zod";
import type { Config } from "../config/mod.ts";
import type { Logger } from "../runtime/log.ts";
import { pause } from "../runtime/waiting.ts";
import type { SpanStart, TracedSpan, Tracing, TracingProcess } from "./tracing.ts";

/** How long a stopping process waits for its last spans to be taken, in milliseconds. */
const lastSpansMs = 2_000;

/** How often it is said that spans can't be sent, in milliseconds. */
const warnEveryMs = 60_000;

const kinds = {
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const;

/** Sends spans over OTLP/HTTP, in batches. Where and how also `OTEL_EXPORTER_OTLP_…` say, what the process is `OTEL_RESOURCE_ATTRIBUTES`. */
export class OtlpTracing implements Tracing {
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;

  constructor(
    { endpoint, sampleRatio }: Config["tracing"],
    { service, version, instance, log }: TracingProcess,
  ) {
    warnOf(log);
    const url = endpoint === "" ? {} : { url: `${endpoint.replace(/\/$/, "")}/v1/traces` };
    const own = resourceFromAttributes({
      "service.name": service,
      "service.version": version,
      "service.instance.id": instance,
    });
    this.#provider = new TracerProvider({
      resource: own.merge(detectResources({ detectors: [envDetector] })),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
      spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter(url) })],
    });
    this.#tracer = this.#provider.getTracer("meshregistry", version);
  }

  span(name: string, { parent, links = [], kind = "internal", attributes = {} }: SpanStart): TracedSpan {
    const followed = links.flatMap((link) => parseTraceParent(link) ?? []).map((context) => ({ context }));
    const options = { kind: kinds[kind], attributes, links: followed };
    const span = this.#tracer.startSpan(name, options, contextOf(parent));
    return {
      traceparent: traceparentOf(span.spanContext()),
      end: (error) => {
        if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
        span.end();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stop = new AbortController();
    await Promise.race([this.#provider.shutdown(), pause(lastSpansMs, stop.signal)]).catch(() => {});
    stop.abort();
  }
}

function contextOf(traceparent: string | undefined): Context {
  const parent = traceparent === undefined ? null : parseTraceParent(traceparent);
  return parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true });
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** How OpenTelemetry reports an error: as JSON, with its stack. */
const Reported = z.object({ message: z.string(), code: z.string().default("") });

function inWords(reason: string): string {
  try {
    const { message, code } = Reported.parse(JSON.parse(reason));
    return message.includes(code) ? message : `${message} (${code})`;
  } catch {
    return reason;
  }
}

/** A receiver that is away costs spans and nothing else: the log says so once a minute. */
function warnOf(log: Logger): void {
  let warnedMs = Number.NEGATIVE_INFINITY;
  const ignore = () => {};
  const error = (reason: string) => {
    if (performance.now() - warnedMs < warnEveryMs) return;
    warnedMs = performance.now();
    log.warn(
      { reason: inWords(reason) },
      "spans can't be sent and are dropped: check tracing.endpoint and its receiver",
    );
  };
  diag.setLogger({ error, warn: ignore, info: ignore, debug: ignore, verbose: ignore }, {
    logLevel: DiagLogLevel.ERROR,
    suppressOverrideMessage: true,
  });
}
