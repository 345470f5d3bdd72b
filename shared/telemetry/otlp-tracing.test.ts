import { createServer } from "node:http";
import { expect, onTestFinished, test, vi } from "vitest";
import { createLogger } from "../runtime/log.ts";
import { OtlpTracing } from "./otlp-tracing.ts";

/** So many spans are sent at once, without waiting for more. */
const batch = 512;

test("why a receiver refuses spans is logged in words, and once for a minute", async () => {
  const paths: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url);
    response.writeHead(404).end("404 page not found");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const log = createLogger("test");
  const warn = vi.spyOn(log, "warn").mockImplementation(() => {});
  const endpoint = `http://127.0.0.1:${port}/wrong/`;
  const tracing = new OtlpTracing({ enabled: true, endpoint, sampleRatio: 1 }, {
    service: "test",
    version: "1",
    instance: "a",
    log,
  });
  onTestFinished(() => tracing[Symbol.asyncDispose]());
  for (const times of [1, 2]) {
    for (let count = 0; count < batch; count++) tracing.span("a change", {}).end();
    await expect.poll(() => paths).toEqual(Array.from({ length: times }, () => "/wrong/v1/traces"));
    await expect.poll(() => warn.mock.calls.map(([details]) => details)).toEqual([{
      reason: "Not Found (404)",
    }]);
  }
});
