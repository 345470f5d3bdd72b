import { z } from "zod";
import type { Measurement } from "./measurement.ts";
import { ProcessUsage } from "./process-usage.ts";
import { median } from "./stopwatch.ts";
import { Worker } from "./worker.ts";

/** As large as a state-of-the-world push of 10,000 services with 10 endpoints. */
const messageBytes = 13 * 2 ** 20;

const clients = 20;

/**
 * What our gRPC costs over what HTTP/2 costs: a message in the pieces that the cache has, sent to 20 clients, and the
 * same number of bytes written from one buffer to a bare HTTP/2 stream.
 */
export const transport: Measurement = {
  name: "transport",
  about: "one message to 20 clients: our gRPC, and bare HTTP/2",
  async run(bench) {
    const pushes = bench.quick ? 3 : 12;
    const figures: number[] = [];
    for (const how of ["bare", "grpc"] as const) {
      bench.progress(how);
      await using server = new Worker("transport-worker.ts");
      await using receivers = new Worker("transport-worker.ts");
      const port = await server.ask(z.number(), "listen", { how, messageBytes });
      await receivers.ask(z.null(), "connect", { port, clients, messageBytes });
      const cpuMs: number[] = [];
      // The first push widens windows and warms up; it isn't counted.
      for (let push = 0; push <= pushes; push++) {
        const before = await server.ask(ProcessUsage, "usage");
        await Promise.all([
          server.ask(z.null(), "push"),
          receivers.ask(z.null(), "received", { messages: push + 1 }),
        ]);
        const after = await server.ask(ProcessUsage, "usage");
        if (push > 0) cpuMs.push((after.cpuMs - before.cpuMs) / clients);
      }
      figures.push(median(cpuMs));
      const what = `transport: 13 MiB to each of ${clients} clients, ${
        how === "grpc" ? "gRPC" : "bare HTTP/2"
      }`;
      bench.report({ what, size: "-", figure: median(cpuMs), unit: "CPU ms per client" });
    }
    const [bare = Number.NaN, grpc = Number.NaN] = figures;
    bench.report({ what: "transport: gRPC over bare HTTP/2", size: "-", figure: grpc / bare, unit: "times" });
  },
};
