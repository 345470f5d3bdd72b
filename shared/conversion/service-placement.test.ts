import { expect, test } from "vitest";
import { ConfigSchema } from "../config/schema/schema.ts";
import type { ConfigInput } from "../config/schema/schema.ts";
import type { ServiceEntryManifest } from "../model/manifest.ts";
import { servicePlacement } from "./service-placement.ts";

function entry(host: string, labels: Record<string, string> = {}): ServiceEntryManifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "a", namespace: "n", labels },
    spec: { hosts: [host] },
  };
}

/** What a source with these options writes on an entry. */
function placed(options: ConfigInput["eurekaSource"], manifest: ServiceEntryManifest) {
  const { location, exportTo } = servicePlacement(ConfigSchema.parse({ eurekaSource: options }).eurekaSource)(
    manifest,
  ).spec;
  return { location, exportTo };
}

test("nothing is written by default", () => {
  const manifest = entry("a.b");
  expect(servicePlacement(ConfigSchema.parse({}).eurekaSource)(manifest)).toBe(manifest);
});

const internal = { location: "MESH_INTERNAL" } as const;

test("a source's placement holds for all its services", () => {
  expect(placed({ ...internal, exportTo: ["shop", "."] }, entry("a.b")))
    .toEqual({ location: "MESH_INTERNAL", exportTo: ["shop", "."] });
});

test.each<[what: string, placement: object, host: string, labels: Record<string, string>, isMeant: boolean]>([
  ["by host", { hosts: ["a.b"] }, "a.b", {}, true],
  ["by another host", { hosts: ["a.b"] }, "x.a.b", {}, false],
  ["by domain", { hosts: ["c.d", "*.b"] }, "a.b", {}, true],
  ["by label", { matchLabels: { app: "pay" } }, "a.b", { app: "pay" }, true],
  ["by another label", { matchLabels: { app: "pay" } }, "a.b", { app: "x" }, false],
  ["by both", { hosts: ["*.b"], matchLabels: { app: "pay" } }, "a.b", {}, false],
  ["for all others", { hosts: ["*.b"], invert: true }, "a.c", {}, true],
  ["not for all others", { hosts: ["*.b"], invert: true }, "a.b", {}, false],
  ["for all", {}, "a.b", {}, true],
  ["by what is no selector", { matchExpressions: [{ key: "a", operator: "Is" }] }, "a.b", {}, false],
])("services are chosen %s", (_what, placement, host, labels, isMeant) => {
  const source = { exportTo: ["*"], servicePlacements: [{ ...placement, ...internal, exportTo: ["~"] }] };
  expect(placed(source, entry(host, labels))).toEqual(
    isMeant ? { location: "MESH_INTERNAL", exportTo: ["~"] } : { location: undefined, exportTo: ["*"] },
  );
});

test("the first that matches holds, and the source for what it doesn't set", () => {
  const servicePlacements = [{ hosts: ["a.b"], exportTo: ["shop"] }, {
    location: "MESH_EXTERNAL" as const,
    exportTo: ["."],
  }];
  expect(placed({ ...internal, servicePlacements }, entry("a.b")))
    .toEqual({ location: "MESH_INTERNAL", exportTo: ["shop"] });
  expect(placed({ ...internal, servicePlacements }, entry("c.d")))
    .toEqual({ location: "MESH_EXTERNAL", exportTo: ["."] });
});
