import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { showResource } from "./envelope.ts";
import { anyOf, bodyOf, broken, typeUrl, wrapped } from "../output/resource-rig.ts";
import { completeUpdate, deltaUpdate, incrementalUpdate } from "./type-update.ts";
import type { TypeUpdate } from "./type-update.ts";

const response = (...resources: Any[]) => create(DiscoveryResponseSchema, { typeUrl, resources });
const summary = ({ isComplete, resources, removed, problems }: TypeUpdate) => ({
  isComplete,
  sent: resources.map(({ name, version }) => `${name}=${version}`),
  removed,
  problems,
});

const unusable = [
  anyOf("type.googleapis.com/google.protobuf.Struct", new Uint8Array()),
  broken(),
  wrapped("no-namespace", "1", []),
];
const complaints = [
  expect.stringMatching(/^resource 1 of .*google\.protobuf\.Struct, not istio\.mcp.* skip it$/),
  expect.stringMatching(/^resource 2 of .* can't be decoded/),
  expect.stringMatching(/^resource 3 of .*"no-namespace", not namespace\/name/),
];

test("state of the world: everything, and what istiod would skip", () => {
  const noBody = wrapped("s/empty", "1", undefined);
  expect(summary(completeUpdate(response(...unusable, noBody, wrapped("s/a", "1", ["a"]))))).toEqual({
    isComplete: true,
    sent: ["s/a=1"],
    removed: [],
    problems: [...complaints, expect.stringMatching(/^resource 4 of .*s\/empty has no body/)],
  });
});

test.each([true, false])("incremental: a resource without body is a deletion", (isComplete) => {
  const update = incrementalUpdate(
    response(...unusable, wrapped("s/a", "", ["a"]), wrapped("s/b", "2", undefined)),
    isComplete,
  );
  expect(summary(update)).toEqual({ isComplete, sent: ["s/a="], removed: ["s/b"], problems: complaints });
});

describe("Delta", () => {
  const delta = (...resources: { name: string; version: string; resource?: Any }[]) =>
    deltaUpdate(create(DeltaDiscoveryResponseSchema, { typeUrl, resources, removedResources: ["s/gone"] }));

  test("takes wrapped and bare resources", () => {
    const update = delta(
      { name: "s/a", version: "1", resource: wrapped("s/a", "1", ["a"]) },
      { name: "s/b", version: "2", resource: bodyOf(["b"]) },
    );
    expect(summary(update)).toEqual({
      isComplete: false,
      sent: ["s/a=1", "s/b=2"],
      removed: ["s/gone"],
      problems: [],
    });
    const shown = update.resources.map(({ bytes }) => showResource(typeUrl, bytes));
    expect(shown.map(({ metadata, spec }) => [metadata.namespace, metadata.name, spec])).toEqual([
      ["s", "a", { hosts: ["a"] }],
      ["s", "b", { hosts: ["b"] }],
    ]);
  });

  test("tells of names and versions that differ inside, and of what is unusable", () => {
    const update = delta(
      { name: "s/a", version: "1", resource: wrapped("s/inner", "2", ["a"]) },
      { name: "s/nothing", version: "1" },
      { name: "bare", version: "1", resource: bodyOf(["b"]) },
      { name: "s/empty", version: "1", resource: wrapped("s/empty", "1", undefined) },
      { name: "s/slime", version: "", resource: wrapped("s/slime", "", ["a"]) },
      { name: "", version: "1", resource: wrapped("s/unnamed", "1", ["a"]) },
    );
    expect(summary(update)).toMatchObject({
      sent: ["s/a=1", "s/slime=", "s/unnamed=1"],
      problems: [
        expect.stringMatching(/^the resource "s\/a" has the name s\/inner inside/),
        's/a has the version "1" outside and "2" inside',
        expect.stringMatching(/^resource 2 of .*s\/nothing has no content/),
        expect.stringMatching(/^resource 3 of .*"bare", not namespace\/name/),
        expect.stringMatching(/^resource 4 of .*s\/empty has no body/),
        expect.stringMatching(/^the resource "" has the name s\/unnamed inside/),
      ],
    });
  });
});
