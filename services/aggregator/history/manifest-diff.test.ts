import { expect, test } from "vitest";
import { diffManifests } from "./manifest-diff.ts";

const endpoint = (address: string, port: number, more: object = {}) => ({
  address,
  ports: { http: port },
  ...more,
});

test("an endpoint that comes is one difference, and the order of lists means nothing", () => {
  const before = { endpoints: [endpoint("10.0.0.1", 80), endpoint("10.0.0.2", 80)], hosts: ["a", "b"] };
  const after = {
    hosts: ["b", "a"],
    endpoints: [endpoint("10.0.0.2", 80, { weight: 5 }), endpoint("10.0.0.3", 80), endpoint("10.0.0.1", 80)],
  };
  expect(diffManifests(before, after)).toEqual({
    differences: [
      { path: "endpoints[10.0.0.2:80].weight", before: null, after: 5 },
      { path: "endpoints[10.0.0.3:80]", before: null, after: endpoint("10.0.0.3", 80) },
    ],
    left: 0,
  });
});

test("items that nothing tells apart, other forms, and what isn't there", () => {
  expect(diffManifests({ a: [{ x: 1 }, { x: 2 }] }, { a: [{ x: 1 }, { x: 3 }] }).differences).toEqual([
    { path: "a[1].x", before: 2, after: 3 },
  ]);
  expect(diffManifests({ a: ["x", "x"] }, { a: ["x"] }).differences).toEqual([
    { path: "a[x #1]", before: "x", after: null },
  ]);
  expect(diffManifests({ a: [] }, { a: {} }).differences).toEqual([{ path: "a", before: [], after: {} }]);
  expect(diffManifests(undefined, { a: 1 }).differences).toEqual([{
    path: "",
    before: null,
    after: { a: 1 },
  }]);
  expect(diffManifests(undefined, undefined).differences).toEqual([]);
});

test("lists a part of very many differences, and counts the others", () => {
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`k${index}`, index]));
  const { differences, left } = diffManifests({}, many);
  expect([differences.length, left]).toEqual([200, 100]);
});
