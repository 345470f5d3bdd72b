import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { DiscoveryResponseSchema } from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceSchema } from "../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import { ServiceEntrySchema } from "../../protos/gen/istio/networking/v1alpha3/service_entry_pb.ts";
import { TypeView } from "./type-view.ts";

const typeUrl = "networking.istio.io/v1/ServiceEntry";
const mcp = "type.googleapis.com/istio.mcp.v1alpha1.Resource";
const body = "type.googleapis.com/istio.networking.v1alpha3.ServiceEntry";

const any = (typeUrl: string, value: Uint8Array) => create(AnySchema, { typeUrl, value });
const response = (...resources: readonly ReturnType<typeof any>[]) =>
  create(DiscoveryResponseSchema, { typeUrl, resources: [...resources] });

function resource(name: string, version: string, hosts: readonly string[], cursor = "1") {
  const spec = toBinary(ServiceEntrySchema, create(ServiceEntrySchema, { hosts: [...hosts] }));
  const metadata = { name, version, annotations: { ResourceVersion: cursor } };
  return any(mcp, toBinary(ResourceSchema, create(ResourceSchema, { metadata, body: any(body, spec) })));
}

const summary = ({ changes, problems }: ReturnType<TypeView["apply"]>) => ({
  changes: changes.map(({ change, resource: { metadata } }) =>
    `${change} ${metadata.namespace}/${metadata.name}`
  ),
  problems,
});

describe("what an istiod holds of a type", () => {
  test("what is missing is deleted, what is equal is nothing", () => {
    const view = new TypeView(typeUrl);
    const first = response(resource("s/b", "1", ["b"]), resource("s/a", "1", ["a"]));
    expect(summary(view.apply(first))).toEqual({ changes: ["added s/a", "added s/b"], problems: [] });
    expect(summary(view.apply(first))).toEqual({ changes: [], problems: [] });
    expect(summary(view.apply(response(resource("s/b", "2", ["c"]))))).toEqual({
      changes: ["deleted s/a", "updated s/b"],
      problems: [],
    });
  });

  test("a server without versions (slime): only content counts", () => {
    const view = new TypeView(typeUrl);
    view.apply(response(resource("s/a", "", ["a"], "1")));
    expect(view.apply(response(resource("s/a", "", ["a"], "2"))).changes).toEqual([]);
    expect(summary(view.apply(response(resource("s/a", "", ["b"], "3"))))).toEqual({
      changes: ["updated s/a"],
      problems: [],
    });
  });

  test("tells what istiod would ignore, skip or take for missing", () => {
    const view = new TypeView(typeUrl);
    view.apply(response(resource("s/a", "1", ["a"])));
    expect(summary(view.apply(response(resource("s/a", "1", ["b"])))).problems).toEqual([
      "s/a has other content under the same version 1: istiod ignores it",
    ]);
    const { changes, problems } = summary(view.apply(response(
      any("type.googleapis.com/google.protobuf.Struct", new Uint8Array()),
      any(mcp, Uint8Array.of(255)),
      resource("no-namespace", "1", []),
      any(mcp, toBinary(ResourceSchema, create(ResourceSchema, { metadata: { name: "s/empty" } }))),
      resource("s/twice", "1", ["a"]),
      resource("s/twice", "2", ["b"]),
    )));
    expect(changes).toEqual(["deleted s/a", "added s/twice"]);
    expect(problems).toEqual([
      expect.stringMatching(
        /^resource 1 of .*google\.protobuf\.Struct, not istio\.mcp.*istiod would skip it$/,
      ),
      expect.stringMatching(/^resource 2 of .* can't be decoded/),
      expect.stringMatching(/^resource 3 of .*"no-namespace", not namespace\/name/),
      expect.stringMatching(/^resource 4 of .*s\/empty has no body/),
      "s/twice comes twice in one response; the later one wins",
    ]);
  });
});
