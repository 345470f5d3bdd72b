import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { SotwRequest, SotwResponse, SotwView } from "./sotw-stream.ts";
import { SotwStream } from "./sotw-stream.ts";

const entries = "networking.istio.io/v1/ServiceEntry";
const oldEntries = "networking.istio.io/v1alpha3/ServiceEntry";
const sidecars = "networking.istio.io/v1/Sidecar";
const gateways = "networking.istio.io/v1/Gateway";

/** The world around a stream: versions that a test sets, and a clock. */
class World implements SotwView {
  versions: Partial<Record<ResourceKind, string>> = { ServiceEntry: "v1", Sidecar: "s1" };
  nowMs = 0;
  #nonces = 0;

  version(kind: ResourceKind): string | undefined {
    return this.versions[kind];
  }

  nonce(): string {
    return `n${++this.#nonces}`;
  }
}

const first = (typeUrl = entries): SotwRequest => (
  { typeUrl, responseNonce: "2026-11-22 16:00:00.1 +0000 UTC m=+0.1", resourceNames: [], error: undefined }
);

function ack(response: SotwResponse | undefined, error?: string): SotwRequest {
  expect(response).toBeDefined();
  return { typeUrl: response?.typeUrl ?? "", responseNonce: response?.nonce ?? "", resourceNames: [], error };
}

describe("SotwStream", () => {
  test("answers the first request of a type whatever its nonce says", () => {
    const [world, stream] = [new World(), new SotwStream(0)];
    expect(stream.onRequest(first(), world)).toMatchObject([{
      typeUrl: entries,
      kind: "ServiceEntry",
      version: "v1",
    }]);
    expect(stream.onRequest({ ...first(oldEntries), responseNonce: "" }, world)).toMatchObject([{
      typeUrl: oldEntries,
    }]);
  });

  test("answers types that we have nothing of at once and empty, with a nonce, even while nothing is ready", () => {
    const [world, stream] = [new World(), new SotwStream(0)];
    world.versions = {};
    const [response] = stream.onRequest(first(gateways), world);
    expect(response).toMatchObject({ typeUrl: gateways, kind: undefined });
    expect(response?.nonce).not.toBe("");
    expect(stream.onRequest(ack(response), world)).toEqual([]);
  });

  test("holds back our own kinds until there is something to answer", () => {
    const [world, stream] = [new World(), new SotwStream(0)];
    world.versions = {};
    expect(stream.onRequest(first(), world)).toEqual([]);
    world.versions = { ServiceEntry: "v1" };
    expect(stream.onChange(world)).toMatchObject([{ typeUrl: entries, version: "v1" }]);
  });

  test("answers an ACK with nothing", () => {
    const [world, stream] = [new World(), new SotwStream(0)];
    const [response] = stream.onRequest(first(), world);
    expect(stream.onRequest(ack(response), world)).toEqual([]);
    expect(stream.types.get(entries)).toMatchObject({
      ackedVersion: "v1",
      ackedNonce: response?.nonce,
      inFlight: false,
    });
  });

  test("never sends because of a late, repeated or invented ACK", () => {
    const [world, stream] = [new World(), new SotwStream(0)];
    const [one] = stream.onRequest(first(), world);
    stream.onRequest(ack(one), world);
    world.versions = { ServiceEntry: "v2" };
    const [two] = stream.onChange(world);
    expect(stream.onRequest(ack(one), world)).toEqual([]);
    expect(stream.types.get(entries)?.inFlight).toBe(true);
    expect(stream.onRequest(ack(two), world)).toEqual([]);
    expect(stream.onRequest(ack(two), world)).toEqual([]);
    expect(stream.onRequest({ ...first(), responseNonce: "x" }, world)).toEqual([]);
    expect(stream.onRequest({ ...first(), responseNonce: "" }, world)).toEqual([]);
  });

  test("merges changes while a response is in flight into one", () => {
    const [world, stream] = [new World(), new SotwStream(0)];
    const [one] = stream.onRequest(first(), world);
    for (const version of ["v2", "v3", "v4"]) {
      world.versions = { ServiceEntry: version };
      expect(stream.onChange(world)).toEqual([]);
    }
    expect(stream.onRequest(ack(one), world)).toMatchObject([{ version: "v4" }]);
  });

  test("sends nothing for a change that was taken back", () => {
    const [world, stream] = [new World(), new SotwStream(0)];
    const [one] = stream.onRequest(first(), world);
    world.versions = { ServiceEntry: "v2" };
    stream.onChange(world);
    world.versions = { ServiceEntry: "v1" };
    expect(stream.onRequest(ack(one), world)).toEqual([]);
  });

  test("doesn't repeat a refused version, and sends the next", () => {
    const [world, stream] = [new World(), new SotwStream(0)];
    const [one] = stream.onRequest(first(), world);
    expect(stream.onRequest(ack(one, "no such host"), world)).toEqual([]);
    expect(stream.onChange(world)).toEqual([]);
    expect(stream.types.get(entries)).toMatchObject({
      nacks: 1,
      lastError: { message: "no such host" },
      ackedVersion: undefined,
    });
    world.versions = { ServiceEntry: "v2" };
    const [two] = stream.onChange(world);
    stream.onRequest(ack(two), world);
    expect(stream.types.get(entries)).toMatchObject({ nacks: 1, lastError: undefined, ackedVersion: "v2" });
  });

  test("takes an empty error text for a refusal too", () => {
    const [world, stream] = [new World(), new SotwStream(0)];
    const [one] = stream.onRequest(first(), world);
    stream.onRequest(ack(one, ""), world);
    expect(stream.types.get(entries)).toMatchObject({ nacks: 1, ackedVersion: undefined });
  });

  test("sends hosts before the Sidecars that name them", () => {
    const [world, stream] = [new World(), new SotwStream(0)];
    world.versions = {};
    for (const type of [sidecars, entries, oldEntries]) stream.onRequest(first(type), world);
    world.versions = { ServiceEntry: "v1", Sidecar: "s1" };
    expect(stream.onChange(world).map(({ typeUrl }) => typeUrl)).toEqual([entries, oldEntries, sidecars]);
  });

  test("holds a Sidecar until the ServiceEntries that it may name are sent: while older ones are in flight", () => {
    const [world, stream] = [new World(), new SotwStream(0)];
    const [one] = stream.onRequest(first(), world);
    const [sidecar] = stream.onRequest(first(sidecars), world);
    stream.onRequest(ack(sidecar), world);
    world.versions = { ServiceEntry: "v2", Sidecar: "s2" };
    expect(stream.onChange(world)).toEqual([]);
    expect(stream.waitMs(world)).toBeUndefined();
    const next = stream.onRequest(ack(one), world);
    expect(next.map(({ version }) => version)).toEqual(["v2", "s2"]);
  });

  test("holds a Sidecar with its ServiceEntries for the minimum interval", () => {
    const [world, stream] = [new World(), new SotwStream(1000)];
    for (const type of [entries, sidecars]) {
      stream.onRequest(ack(stream.onRequest(first(type), world)[0]), world);
    }
    world.nowMs = 900;
    world.versions = { ServiceEntry: "v2", Sidecar: "s1" };
    expect(stream.onChange(world)).toEqual([]);
    world.versions = { ServiceEntry: "v2", Sidecar: "s2" };
    expect(stream.onChange(world)).toEqual([]);
    expect(stream.waitMs(world)).toBe(100);
    world.nowMs = 1000;
    expect(stream.onChange(world).map(({ version }) => version)).toEqual(["v2", "s2"]);
  });

  test("answers a change of names under the present nonce, and not under an old one", () => {
    const [world, stream] = [new World(), new SotwStream(0)];
    const [one] = stream.onRequest(first(), world);
    const [two] = stream.onRequest({ ...ack(one), resourceNames: ["a/b"] }, world);
    expect(two).toMatchObject({ names: ["a/b"] });
    expect(stream.onRequest({ ...ack(one), resourceNames: ["c/d"] }, world)).toEqual([]);
    const [three] = stream.onRequest({ ...ack(two), resourceNames: ["c/d"] }, world);
    expect(three).toMatchObject({ names: ["c/d"] });
    // What was sent for other names is late now, although the content is the same.
    expect(stream.onRequest({ ...ack(two), resourceNames: ["a/b"] }, world)).toEqual([]);
    expect(stream.onRequest({ ...ack(three), resourceNames: ["c/d"] }, world)).toEqual([]);
  });

  test("keeps the minimum interval between responses and says how long to wait", () => {
    const [world, stream] = [new World(), new SotwStream(1000)];
    const [one] = stream.onRequest(first(), world);
    stream.onRequest(ack(one), world);
    world.versions = { ServiceEntry: "v2" };
    world.nowMs = 400;
    expect(stream.onChange(world)).toEqual([]);
    expect(stream.waitMs(world)).toBe(600);
    world.nowMs = 1000;
    expect(stream.onChange(world)).toMatchObject([{ version: "v2" }]);
    expect(stream.waitMs(world)).toBeUndefined();
  });

  test("sends what was held back also if the interval ends between the look at the clock and the question how long", () => {
    const [world, stream] = [new World(), new SotwStream(1000)];
    const [one] = stream.onRequest(first(), world);
    stream.onRequest(ack(one), world);
    world.versions = { ServiceEntry: "v2" };
    world.nowMs = 999;
    expect(stream.onChange(world)).toEqual([]);
    world.nowMs = 1001;
    expect(stream.waitMs(world)).toBe(0);
    expect(stream.onChange(world)).toMatchObject([{ version: "v2" }]);
  });

  test("after any history a client that acknowledges in the end has the last version, one message per version", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("change" as const), version: fc.constantFrom("a", "b", "c", "d") }),
      fc.record({ do: fc.constantFrom("ack" as const, "nack" as const, "stale" as const) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const [world, stream] = [new World(), new SotwStream(0)];
      const sent: SotwResponse[] = [...stream.onRequest(first(), world)];
      let acknowledged = 0;
      const take = (responses: SotwResponse[]) => {
        for (const response of responses) {
          expect(response.version, "repeats a version").not.toBe(sent.at(-1)?.version);
          sent.push(response);
        }
        expect(sent.length - acknowledged, "two in flight").toBeLessThanOrEqual(1);
      };
      for (const item of steps) {
        if (item.do === "change") {
          world.versions = { ServiceEntry: item.version };
          take(stream.onChange(world));
        } else if (item.do === "stale") {
          const stale = sent.length > 1 ? ack(sent[0]) : { ...first(), responseNonce: "n0" };
          expect(stream.onRequest(stale, world)).toEqual([]);
        } else {
          acknowledged = sent.length;
          take(stream.onRequest(ack(sent.at(-1), item.do === "nack" ? "refused" : undefined), world));
        }
      }
      for (let count = -1; count !== sent.length;) {
        count = sent.length;
        acknowledged = sent.length;
        take(stream.onRequest(ack(sent.at(-1)), world));
      }
      expect(sent.at(-1)?.version).toBe(world.versions.ServiceEntry);
    }));
  });
});
