import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { selfSignedCertificate } from "../servers/certificate.ts";
import type { Certificate } from "../servers/certificate.ts";
import { requireReal, useServer } from "../servers/find.ts";
import { noRegistry, startService } from "./services.ts";
import type { Service } from "./services.ts";

const { skip } = requireReal("grpcurl");
const service = "envoy.service.discovery.v3.AggregatedDiscoveryService";
const istiod = "spiffe://cluster.local/ns/istio-system/sa/istiod";

interface Result {
  readonly failed: boolean;
  readonly out: string;
  readonly err: string;
}

/** Runs the foreign client, which knows our messages from our reflection only. */
async function grpcurl(...args: readonly string[]): Promise<Result> {
  return await new Promise((resolve) => {
    execFile(
      useServer("grpcurl"),
      ["-connect-timeout", "3", "-max-time", "10", ...args],
      (error, out, err) => {
        resolve({ failed: error !== null, out, err });
      },
    );
  });
}

/** The server of a service that starts, and waits for no registry. */
async function start(config: object): Promise<Service> {
  const started = await startService("all-in-one", { ...noRegistry, ...config });
  await vi.waitFor(async () => expect(await started.isReady()).toBe(true), { timeout: 60_000 });
  return started;
}

describe.skipIf(skip)("gRPC's own tools, in plain text", () => {
  const stack = new AsyncDisposableStack();
  let address: string;

  beforeAll(async () => {
    address = stack.use(await start({})).xdsAddress;
  });
  afterAll(() => stack.disposeAsync());

  test("list the services", async () => {
    const { out, err } = await grpcurl("-plaintext", address, "list");
    expect({ out: out.trim().split("\n"), err }).toEqual({
      out: [service, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"],
      err: "",
    });
  });

  test("describe what travels inside of other messages", async () => {
    const { out } = await grpcurl(
      "-plaintext",
      address,
      "describe",
      "istio.networking.v1alpha3.ServiceEntry",
    );
    expect(out).toContain("repeated .istio.networking.v1alpha3.WorkloadEntry endpoints");
  });

  test.each(["", service])('find "%s" healthy', async (name) => {
    const request = JSON.stringify({ service: name });
    const { out } = await grpcurl("-plaintext", "-d", request, address, "grpc.health.v1.Health/Check");
    expect(JSON.parse(out)).toEqual({ status: "SERVING" });
  });

  test("ask for resources, in both methods", async () => {
    const typeUrl = "networking.istio.io/v1/ServiceEntry";
    for (const method of ["StreamAggregatedResources", "DeltaAggregatedResources"]) {
      const request = JSON.stringify({ typeUrl, node: { id: "sidecar~127.0.0.1~a.b~b" } });
      const { out, err } = await grpcurl("-plaintext", "-d", request, address, `${service}/${method}`);
      expect(err).toBe("");
      expect(JSON.parse(out)).toMatchObject({ typeUrl });
    }
  });
});

describe.skipIf(skip)("gRPC's own tools, with mutual TLS", () => {
  const stack = new AsyncDisposableStack();
  const files = { server: selfSignedCertificate(), client: selfSignedCertificate(`URI:${istiod}`) };
  let folder: string;
  let address: string;

  const path = (name: string) => join(folder, name);
  const write = (name: string, { cert, key }: Certificate) => {
    writeFileSync(path(`${name}.crt`), cert);
    writeFileSync(path(`${name}.key`), key);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "meshregistry-mtls-"));
    stack.defer(async () => await rm(folder, { recursive: true }));
    write("server", files.server);
    write("client", files.client);
    const tls = {
      certFile: path("server.crt"),
      keyFile: path("server.key"),
      clientCaFile: path("client.crt"),
      allowedSans: [istiod],
    };
    address = stack.use(await start({ xds: { tls } })).xdsAddress;
  });
  afterAll(() => stack.disposeAsync());

  test("are served with the right certificate", async () => {
    const own = ["-cert", path("client.crt"), "-key", path("client.key")];
    const { out } = await grpcurl(
      "-cacert",
      path("server.crt"),
      ...own,
      address,
      "grpc.health.v1.Health/Check",
    );
    expect(JSON.parse(out)).toEqual({ status: "SERVING" });
  });

  test("are not served without one, nor in plain text", async () => {
    const without = await grpcurl("-cacert", path("server.crt"), address, "grpc.health.v1.Health/Check");
    const plain = await grpcurl("-plaintext", address, "grpc.health.v1.Health/Check");
    expect([without.failed, plain.failed]).toEqual([true, true]);
  });
});
