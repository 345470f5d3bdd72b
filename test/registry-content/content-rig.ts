import fc from "fast-check";
import { expect } from "vitest";
import type { ConvertSource } from "../../shared/collector/dry-run/convert-source.ts";
import { stageManifests } from "../../services/meshctl/commands/convert/output-stage.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { envoyFault } from "../../shared/istio/envoy-rules.ts";
import { addressFault, isLoopback } from "../../shared/istio/mod.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { nastyText } from "../istio/arbitrary-manifests.ts";

/** Addresses as registries hold them: right, almost right, and wrong. */
export const address: fc.Arbitrary<string> = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.domain(),
  fc.constantFrom(
    "10.0.0.1",
    "10.0.0.2",
    "2001:db8::1",
    "[2001:DB8:0::1]",
    "::ffff:10.0.0.1",
    "Node.Example.",
  ),
  fc.constantFrom(
    "fe80::1%en0",
    "2001:db8::7%eth0",
    "fe80::1",
    "0.0.0.0",
    "::",
    "127.0.0.1",
    "::1",
    "localhost",
  ),
  fc.constantFrom(
    "my_container_1",
    "10.1.6.300",
    "10.1.6.7:8080",
    "010.0.0.1",
    "[10.0.0.1]",
    "224.0.0.1",
    "ff02::1",
  ),
  fc.constantFrom("", " ", "a b", "a..b", `${"a".repeat(64)}.b`, "1", "unix:///tmp/x", "255.255.255.255"),
  nastyText,
);

/** Ports as registries hold them, as numbers and as texts. */
export const port: fc.Arbitrary<unknown> = fc.oneof(
  fc.integer({ min: 1, max: 65_535 }),
  fc.constantFrom<unknown>(8080, "8080", 8443, 0, -1, 70_000, 80.5, "x", "", null, true, " 80 "),
);

/** Names of services, of groups, of applications. */
export const name: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "ORDERS",
    "orders",
    "Order_Service",
    "a.b",
    "a/b",
    "订单",
    "x".repeat(300),
    "*",
    "1.2",
    "-",
  ),
  nastyText,
).map((text) => text.toWellFormed());

/** The result of converting a registry's content: what is served of it, and what was left out. */
export interface Served {
  readonly entries: readonly ServiceEntryManifest[];
  readonly invalidPaths: readonly string[];
}

/**
 * Converts the content as the collector of the registry does, and expects that Istio and Envoy take every resource as
 * it is, and that every record that was left out is named.
 */
export async function servedOf(
  source: Omit<ConvertSource, "convertAnew">,
  content: unknown,
  options: object,
): Promise<Served> {
  const config = { ...JSON.parse(source.defaultConfig), ...options };
  const loaded = loadConfig(JSON.stringify(config), { env: {}, fileName: "test" });
  const { manifests, invalidRecords } = await source.convert(
    JSON.stringify(content),
    loaded,
    new AbortController().signal,
  );
  for (const { path, reason } of invalidRecords) expect([path === "", reason === ""]).toEqual([false, false]);
  const entries: ServiceEntryManifest[] = [];
  for (const { manifest, served, violations } of stageManifests(manifests, "istio")) {
    const faults = violations.filter(({ rule, severity }) => severity === "error" || rule === "E1");
    expect({ manifest, served, faults }).toEqual({ manifest, served: true, faults: [] });
    if (manifest.kind !== "ServiceEntry") continue;
    entries.push(manifest);
    const { spec: { endpoints = [], resolution = "NONE" } } = manifest;
    for (const endpoint of endpoints) {
      expect(envoyFault(endpoint, resolution)).toBeUndefined();
      expect(addressFault(endpoint.address ?? "")).toBeUndefined();
      expect(isLoopback(endpoint.address ?? "")).toBe(false);
    }
  }
  expect(new Set(entries.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).size).toBe(
    entries.length,
  );
  return { entries, invalidPaths: invalidRecords.map(({ path }) => path) };
}

/** Every `address port` at which somebody is reached. */
export function socketsOf(entries: readonly ServiceEntryManifest[]): Set<string> {
  return new Set(
    entries.flatMap(({ spec }) => spec.endpoints ?? []).flatMap(({ address: at, ports }) =>
      Object.values(ports ?? {}).map((number) => `${at} ${number}`)
    ),
  );
}
