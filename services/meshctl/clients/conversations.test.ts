import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { deltaDialect } from "./delta-client.ts";
import type { FollowOptions } from "./dialect-client.ts";
import { incrementalDialect } from "./incremental-client.ts";
import { typeUrl, wrapped } from "../output/resource-rig.ts";
import { sotwDialect } from "./sotw-client.ts";

const other = "networking.istio.io/v1/Sidecar";
const held: Readonly<Record<string, Record<string, string>>> = { [typeUrl]: { "s/a": "1" } };
const options: FollowOptions = {
  address: "",
  typeUrls: [typeUrl, other],
  revision: "canary",
  tls: undefined,
  held: (typeUrl) => held[typeUrl] ?? {},
  onUpdate: () => {},
  onNote: () => {},
};

const request = (bytes: Uint8Array | undefined) =>
  fromBinary(DiscoveryRequestSchema, bytes ?? Uint8Array.of(0));
const response = (response: MessageInitShape<typeof DiscoveryResponseSchema>) =>
  toBinary(DiscoveryResponseSchema, create(DiscoveryResponseSchema, { typeUrl, ...response }));

describe("state of the world", () => {
  test("begins with clock readings and acknowledges version and nonce", () => {
    const conversation = sotwDialect.converse(options);
    const first = conversation.begin().map(request);
    expect(first.map(({ typeUrl }) => typeUrl)).toEqual([typeUrl, other]);
    for (const { responseNonce, node, versionInfo } of first) {
      expect(responseNonce).toMatch(/ m=\+\d/);
      expect(versionInfo).toBe("");
      expect(node?.metadata).toMatchObject({ GENERATOR: "api", ISTIO_REVISION: "canary" });
      expect(node?.metadata).not.toHaveProperty("MESHREGISTRY_DIALECT");
    }
    const { update, reply } = conversation.take(response({ nonce: "n", versionInfo: "v" }));
    expect(update).toEqual({ typeUrl, isComplete: true, resources: [], removed: [], problems: [] });
    expect(request(reply)).toMatchObject({ typeUrl, responseNonce: "n", versionInfo: "v", node: {} });
  });

  test("complains once about missing nonces", () => {
    const conversation = sotwDialect.converse(options);
    const problems = [1, 2].map(() => conversation.take(response({})).update.problems.length);
    expect(problems).toEqual([1, 0]);
  });
});

describe("incremental", () => {
  test("begins without nonces, with our own mark, and takes the first response for complete", () => {
    const conversation = incrementalDialect.converse(options);
    for (const { responseNonce, node } of conversation.begin().map(request)) {
      expect(responseNonce).toBe("");
      expect(node?.metadata).toMatchObject({ MESHREGISTRY_DIALECT: "incremental", ISTIO_REVISION: "canary" });
    }
    const complete = [["1", typeUrl], ["2", typeUrl], ["1", other]].map(([nonce = "", typeUrl = ""]) => {
      const { update, reply } = conversation.take(response({ nonce, typeUrl }));
      expect(request(reply)).toMatchObject({ typeUrl, responseNonce: nonce, node: {} });
      expect(update.problems).toEqual([]);
      return update.isComplete;
    });
    expect(complete).toEqual([true, false, true]);
  });

  test("doesn't acknowledge without a nonce, which only a type without data may lack", () => {
    const conversation = incrementalDialect.converse(options);
    const empty = conversation.take(response({}));
    expect(empty).toMatchObject({ reply: undefined, update: { problems: [] } });
    const full = conversation.take(response({ resources: [wrapped("s/a", "1", ["a"])] }));
    expect(full).toMatchObject({
      reply: undefined,
      update: { isComplete: false, problems: [expect.stringContaining("but no nonce")] },
    });
  });

  test("complains about nonces that go back", () => {
    const conversation = incrementalDialect.converse(options);
    const problems = ["2", "2", "10", "3"].map((nonce) =>
      conversation.take(response({ nonce })).update.problems
    );
    expect(problems).toEqual([[], [], [expect.stringMatching(/"10" .* before the last one, "2"/)], []]);
  });
});

describe("Delta", () => {
  const request = (bytes: Uint8Array | undefined) =>
    fromBinary(DeltaDiscoveryRequestSchema, bytes ?? Uint8Array.of(0));
  const response = (nonce: string) =>
    toBinary(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, { typeUrl, nonce }));

  test("asks for everything but what it has, says once who it is, and acknowledges the nonce only", () => {
    const conversation = deltaDialect.converse(options);
    const [first, second] = conversation.begin().map(request);
    expect(first).toMatchObject({
      typeUrl,
      initialResourceVersions: { "s/a": "1" },
      resourceNamesSubscribe: [],
      responseNonce: "",
      node: { metadata: { ISTIO_REVISION: "canary" } },
    });
    expect(second).toMatchObject({ typeUrl: other, initialResourceVersions: {} });
    expect(second?.node).toBeUndefined();
    const ack = request(conversation.take(response("n")).reply);
    expect(ack).toEqual(create(DeltaDiscoveryRequestSchema, { typeUrl, responseNonce: "n" }));
  });

  test("can't acknowledge without a nonce, and says so once", () => {
    const conversation = deltaDialect.converse(options);
    const exchanges = [1, 2].map(() => conversation.take(response("")));
    expect(exchanges.map(({ reply }) => reply)).toEqual([undefined, undefined]);
    expect(exchanges.map(({ update }) => update.problems)).toEqual([
      [expect.stringContaining("has no nonce: it can't be acknowledged")],
      [],
    ]);
  });
});
