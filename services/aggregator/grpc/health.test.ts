import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthCheckResponseSchema,
} from "../../../protos/gen/grpc/health/v1/health_pb.ts";
import { connect, listen, open, statusOf, testTransport } from "./grpc-rig.ts";
import type { GrpcServer } from "./grpc-server.ts";
import { GrpcStatus } from "./grpc-status.ts";
import { Health } from "./health.ts";

const service = "envoy.service.discovery.v3.AggregatedDiscoveryService";

function ask(server: GrpcServer, method: "Check" | "Watch", name: string) {
  const call = open(connect(server), `/grpc.health.v1.Health/${method}`);
  onTestFinished(() => call.cancel());
  const statuses: ServingStatus[] = [];
  call.on("data", (bytes: Buffer) => statuses.push(fromBinary(HealthCheckResponseSchema, bytes).status));
  const ended = statusOf(call);
  call.end(
    Buffer.from(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service: name }))),
  );
  return { statuses, ended };
}

describe("Health", () => {
  test.each(["", service])('Check of "%s" says whether it serves', async (name) => {
    const health = new Health([service]);
    const server = await listen(health.methods);
    const before = ask(server, "Check", name);
    expect(await before.ended).toMatchObject({ code: GrpcStatus.ok });
    health.setServing(true);
    const after = ask(server, "Check", name);
    await after.ended;
    expect([before.statuses, after.statuses]).toEqual([[ServingStatus.NOT_SERVING], [ServingStatus.SERVING]]);
  });

  test("Check of another service is answered as not found", async () => {
    const { ended } = ask(await listen(new Health([service]).methods), "Check", "a.B");
    expect(await ended).toMatchObject({ code: GrpcStatus.notFound, details: "no service a.B" });
  });

  test("Check is answered also when there are as many streams as there may be", async () => {
    const health = new Health([]);
    const server = await listen(
      health.methods,
      await testTransport({ maxStreams: 1, maxStreamsPerAddress: 1 }),
    );
    const watch = ask(server, "Watch", "");
    await expect.poll(() => watch.statuses.length).toBe(1);
    expect(await ask(server, "Watch", "").ended).toMatchObject({ code: GrpcStatus.resourceExhausted });
    expect(await ask(server, "Check", "").ended).toMatchObject({ code: GrpcStatus.ok });
  });

  test("Watch tells the status at once and each change of it", async () => {
    const health = new Health([service]);
    const server = await listen(health.methods);
    const { statuses } = ask(server, "Watch", service);
    const unknown = ask(server, "Watch", "a.B");
    await expect.poll(() => [statuses, unknown.statuses]).toEqual([
      [ServingStatus.NOT_SERVING],
      [ServingStatus.SERVICE_UNKNOWN],
    ]);
    health.setServing(true);
    health.setServing(true);
    health.setServing(false);
    await expect.poll(() => statuses).toEqual([
      ServingStatus.NOT_SERVING,
      ServingStatus.SERVING,
      ServingStatus.NOT_SERVING,
    ]);
    expect(unknown.statuses).toEqual([ServingStatus.SERVICE_UNKNOWN]);
  });
});
