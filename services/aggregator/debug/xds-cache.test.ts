import { setImmediate } from "node:timers";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import { streamedText } from "../../../shared/runtime/streamed-text.ts";
import { ResourceCache } from "../catalogue/cache.ts";
import { encodeResource } from "../output-stage/encode/encode-resource.ts";
import { xdsCache } from "./xds-cache.ts";

function filled(entries: number, sidecars: number): ResourceCache {
  const cache = new ResourceCache();
  const origin = { registry: "eureka", source: "default", revision: undefined, endpoints: 0, cursor: "c" };
  const metadata = (name: string) => ({ name, namespace: "shop", labels: { text: 'a "b"\n: c' } });
  for (let index = 0; index < entries; index++) {
    const name = `e-${index}`;
    const endpoints = Array.from(
      { length: 5 },
      (_, each) => ({ address: `10.0.0.${each}`, labels: { zone: "a" } }),
    );
    const manifest: ServiceEntryManifest = {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: metadata(name),
      spec: { hosts: [`${name}.example`], endpoints },
    };
    const resource = { ...origin, ...encodeResource(manifest, "c"), subject: name, name: `shop/${name}` };
    cache.put("ServiceEntry", resource);
  }
  for (let index = 0; index < sidecars; index++) {
    const name = `s-${index}`;
    const encoded = encodeResource(
      {
        apiVersion: "networking.istio.io/v1",
        kind: "Sidecar",
        metadata: metadata(name),
        spec: { egress: [{ hosts: ["~/*"] }] },
      },
      "c",
    );
    cache.put("Sidecar", { ...origin, ...encoded, subject: name, name: `shop/${name}` });
  }
  return cache;
}

const textOf = (cache: ResourceCache, query: Readonly<Record<string, string>>) =>
  [...xdsCache(cache, query).body].join("");

test.each([[0, 0], [1, 0], [0, 2], [3, 2]])(
  "writes %i entries and %i Sidecars as if they were one value",
  (entries, sidecars) => {
    const cache = filled(entries, sidecars);
    for (const layout of ["gvk", "list"]) {
      const json = textOf(cache, { layout });
      const value: unknown = JSON.parse(json);
      expect(json).toBe(JSON.stringify(value, undefined, 2));
      expect(Array.isArray(value) ? value.length : Object.values(value ?? {}).flat().length).toBe(
        entries + sidecars,
      );
      const yaml = stringify(value, { version: "1.1", sortMapEntries: true, lineWidth: 0, indentSeq: false });
      expect(textOf(cache, { layout, format: "yaml" })).toBe(yaml);
    }
  },
);

test("lets others have their turn while a large catalogue is written", async () => {
  const { body } = xdsCache(filled(1000, 0), { format: "yaml" });
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  let bytes = 0;
  for await (const piece of streamedText(body)) bytes += piece.length;
  isOver = true;
  expect(bytes).toBeGreaterThan(100_000);
  expect(turns).toBeGreaterThan(10);
});
