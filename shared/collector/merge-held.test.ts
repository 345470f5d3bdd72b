import { describe, expect, test } from "vitest";
import type { Manifest, WorkloadEntry } from "../model/manifest.ts";
import { mergeHeld } from "./merge-held.ts";

function service(...instances: readonly (readonly [address: string, port: number])[]): Manifest {
  const numbers = [...new Set(instances.map(([, port]) => port))].sort((a, b) => a - b);
  const endpoints = instances.map(([address, port]): WorkloadEntry => (
    { address, ports: Object.fromEntries(numbers.map((number) => [`http-${number}`, port])) }
  ));
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "a", namespace: "n" },
    spec: {
      hosts: ["a"],
      ports: numbers.map((number) => ({ number, protocol: "HTTP", name: `http-${number}` })),
      resolution: "STATIC",
      endpoints,
    },
  };
}

describe("mergeHeld()", () => {
  test("keeps what is missing and takes what is new", () => {
    const merged = mergeHeld(service(["1", 80], ["2", 80]), service(["2", 80], ["3", 80]));
    expect(merged).toEqual(service(["2", 80], ["3", 80], ["1", 80]));
  });

  test("is what the registry shows when nothing is missing", () => {
    const now = service(["2", 80], ["1", 80], ["3", 80]);
    expect(mergeHeld(service(["1", 80], ["2", 80]), now)).toBe(now);
  });

  test("lets every endpoint answer on the ports of both", () => {
    expect(mergeHeld(service(["1", 80]), service(["1", 81]))).toEqual(service(["1", 81], ["1", 80]));
  });
});
