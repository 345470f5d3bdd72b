import * as grpc from "@grpc/grpc-js";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { selfSignedCertificate } from "../servers/certificate.ts";
import { connectionScenarios } from "./connection-scenarios.ts";
import { exchangeScenarios } from "./exchange-scenarios.ts";
import { nameScenarios } from "./name-scenarios.ts";
import { allDialects } from "./scenario.ts";
import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/**
 * The protocols over real sockets, by a client that isn't ours: each scenario in each of its dialects, in plain text
 * and with mutual TLS. `…-scenarios.ts` say what is expected. Protocol states that need many histories rather than a
 * socket are in `services/aggregator/xds/views-converge.test.ts`.
 */

const scenarios: readonly Scenario[] = [...exchangeScenarios, ...nameScenarios, ...connectionScenarios];

/** Certificates of both sides, made once. */
let folder: string;
let trusting: grpc.ChannelCredentials;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "meshregistry-conformance-"));
  const [server, client] = [
    selfSignedCertificate(),
    selfSignedCertificate("URI:spiffe://cluster.local/ns/a/sa/b"),
  ];
  writeFileSync(join(folder, "tls.crt"), server.cert);
  writeFileSync(join(folder, "tls.key"), server.key);
  writeFileSync(join(folder, "ca.crt"), client.cert);
  const [ca, key, cert] = [server.cert, client.key, client.cert].map((text) => Buffer.from(text));
  trusting = grpc.credentials.createSsl(ca, key, cert);
});
afterAll(() => rmSync(folder, { recursive: true }));

function tls() {
  const path = (name: string) => join(folder, name);
  const allowedSans = ["spiffe://cluster.local/ns/a/sa/b"];
  return { certFile: path("tls.crt"), keyFile: path("tls.key"), clientCaFile: path("ca.crt"), allowedSans };
}

describe.each(["plain text", "mutual TLS"] as const)("in %s", (transport) => {
  describe.each(allDialects)("%s", (dialect) => {
    test.each(scenarios.filter(({ dialects }) => dialects.includes(dialect)))("$title", async (scenario) => {
      const isPlain = transport === "plain text";
      await using stage = await Stage.open({
        dialect,
        replica: { ...scenario.replica, transport: isPlain ? {} : { tls: tls() } },
        credentials: isPlain ? grpc.credentials.createInsecure() : trusting,
      });
      for (const step of scenario.steps) await step(stage);
    });
  });
});
