import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { z } from "zod";
import { freePort } from "../servers/free-port.ts";

const Value = z.union([z.object({ stringValue: z.string() }), z.object({ intValue: z.coerce.string() })]);
const Attributes = z.array(z.object({ key: z.string(), value: Value })).default([]).transform((list) =>
  Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value).join("")]))
);

/** OTLP's JSON form of what is exported (`ExportTraceServiceRequest`), as far as tests look at it. */
const Export = z.object({
  resourceSpans: z.array(z.object({
    resource: z.object({ attributes: Attributes }),
    scopeSpans: z.array(z.object({
      spans: z.array(z.object({
        name: z.string(),
        traceId: z.string().regex(/^[0-9a-f]{32}$/),
        spanId: z.string().regex(/^[0-9a-f]{16}$/),
        parentSpanId: z.string().default(""),
        kind: z.number(),
        attributes: Attributes,
        links: z.array(z.object({ traceId: z.string(), spanId: z.string() })).default([]),
        status: z.object({ code: z.number().default(0), message: z.string().default("") }),
        startTimeUnixNano: z.string(),
        endTimeUnixNano: z.string(),
      })),
    })),
  })),
});

type ScopeSpan = z.infer<typeof Export>["resourceSpans"][number]["scopeSpans"][number]["spans"][number];

/** A span that was received, with the name of the service that sent it. */
export interface ReceivedSpan extends ScopeSpan {
  readonly service: string;
}

/** A receiver of OTLP over HTTP, which keeps all that it is sent. */
export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  /** What it could not read, and requests to other paths. */
  readonly faults: string[] = [];
  readonly url: string;
  readonly #close: () => void;

  private constructor(url: string, close: () => void) {
    this.url = url;
    this.#close = close;
  }

  static async start(): Promise<OtlpReceiver> {
    const port = await freePort();
    const server = createServer((request, response) => {
      void (async () => {
        try {
          if (request.url !== "/v1/traces") throw new Error(`asked for ${request.url}`);
          receiver.#take(Export.parse(await json(request)));
        } catch (error) {
          receiver.faults.push(String(error));
        }
        response.writeHead(200, { "content-type": "application/json" }).end("{}");
      })();
    });
    const receiver = new OtlpReceiver(`http://127.0.0.1:${port}`, () => {
      server.closeAllConnections();
      server.close();
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return receiver;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    return Promise.resolve();
  }

  #take({ resourceSpans }: z.infer<typeof Export>): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = resource.attributes["service.name"] ?? "";
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) this.spans.push({ ...span, service });
    }
  }
}
