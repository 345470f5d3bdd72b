import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isMeshError } from "../../../shared/runtime/errors.ts";
import { isSamePod, podDecoder } from "./decode.ts";

function received(json: Readonly<Record<string, unknown>>) {
  return { name: "a", namespace: "shop", uid: "", resourceVersion: "1", json };
}

describe("podDecoder", () => {
  test("keeps labels without those of revisions, account and node, and shares what is alike", () => {
    const decode = podDecoder();
    const pod = (hash: string, ...labels: readonly (readonly [string, string])[]) =>
      decode(received({
        metadata: { labels: Object.fromEntries([...labels, ["pod-template-hash", hash]]) },
        spec: { serviceAccountName: "shop", nodeName: "n1" },
      }));
    const one = pod("1", ["app", "shop"], ["version", "v1"]);
    expect(one).toEqual({ labels: { app: "shop", version: "v1" }, account: "shop", node: "n1" });
    expect(isSamePod(one, pod("2", ["version", "v1"], ["app", "shop"]))).toBe(true);
    expect(isSamePod(one, pod("2", ["version", "v2"], ["app", "shop"]))).toBe(false);
  });

  test.each<[Record<string, unknown>, string]>([
    [{ metadata: { labels: { app: 5 } } }, "metadata.labels.app"],
    [{ metadata: { labels: ["app"] } }, "metadata.labels"],
    [{ metadata: {}, spec: { nodeName: {} } }, "spec.nodeName"],
    [{ metadata: {}, spec: "x" }, "spec"],
    [{ metadata: 5 }, "metadata"],
  ])("names what is wrong with %j", (json, path) => {
    expect(() => podDecoder()(received(json))).toThrow(path);
  });

  test("whatever a pod holds: it is decoded, or it is an invalid record", () => {
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.dictionary(fc.string(), fc.string()),
    );
    const part = (...keys: readonly string[]) =>
      fc.oneof(value, fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] }));
    const json = fc.record({
      metadata: part("labels", "annotations"),
      spec: part("serviceAccountName", "nodeName"),
    }, { requiredKeys: ["metadata"] });
    fc.assert(fc.property(json, (given) => {
      try {
        const { labels, account, node } = podDecoder()(received(given));
        expect([typeof account, typeof node]).toEqual(["string", "string"]);
        for (const label of Object.values(labels)) expect(typeof label).toBe("string");
      } catch (error) {
        expect(isMeshError(error, "invalid-record")).toBe(true);
      }
    }));
  });
});
