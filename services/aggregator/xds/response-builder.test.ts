import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { DiscoveryResponseSchema } from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import { ResourceCache } from "../catalogue/cache.ts";
import { CatalogueView } from "../catalogue/catalogue-view.ts";
import { encodeResource } from "../output-stage/encode/encode-resource.ts";
import { ResponseBuilder } from "./response-builder.ts";

const typeUrl = "networking.istio.io/v1/ServiceEntry";

function put(cache: ResourceCache, name: string, revision?: string): void {
  const manifest: ServiceEntryManifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "n", labels: revision === undefined ? {} : { "istio.io/rev": revision } },
    spec: { hosts: [`${name}.example`] },
  };
  cache.put("ServiceEntry", {
    ...encodeResource(manifest, "c-1"),
    subject: name,
    registry: "eureka",
    source: "default",
    name: `n/${name}`,
    cursor: "c-1",
    revision,
    endpoints: 0,
  });
}

/** What a client of that revision sees. */
function viewOf(revision: string | undefined): CatalogueView {
  const revisions = revision === undefined ? [] : [revision];
  return new CatalogueView({ revisions, namespaces: [], registries: [], shard: undefined });
}

function builderOf(cache: ResourceCache): ResponseBuilder {
  const builder = new ResponseBuilder(cache, "replica-1");
  cache.onChange((kind) => builder.invalidate(kind));
  return builder;
}

function build(
  builder: ResponseBuilder,
  revision: string | undefined,
  names: readonly string[] = [],
  type = typeUrl,
) {
  const view = viewOf(revision);
  const version = builder.version("ServiceEntry", view);
  const nonce = builder.nonce("ServiceEntry", view);
  return builder.build({ typeUrl: type, kind: "ServiceEntry", version, names, nonce }, view);
}

describe("ResponseBuilder", () => {
  test("builds a DiscoveryResponse with all resources", () => {
    const cache = new ResourceCache();
    for (const name of ["a", "b"]) put(cache, name);
    const { message, resources } = build(builderOf(cache), undefined);
    expect(resources).toBe(2);
    const response = fromBinary(DiscoveryResponseSchema, Buffer.concat(message));
    expect(response).toMatchObject({ typeUrl, controlPlane: { identifier: "replica-1" } });
    expect(response.resources).toHaveLength(2);
    expect(response.nonce).not.toBe("");
    expect(response.versionInfo).not.toBe("");
  });

  test("hands every client the same bytes: the twentieth costs no encoding and no copy", () => {
    const cache = new ResourceCache();
    put(cache, "a");
    const builder = builderOf(cache);
    const first = build(builder, undefined).message;
    for (const revision of [undefined, "default", "canary"]) {
      expect(build(builder, revision).message).toBe(first);
    }
    put(cache, "b");
    expect(build(builder, undefined).message).not.toBe(first);
  });

  test("echoes the type URL of the request", () => {
    const cache = new ResourceCache();
    put(cache, "a");
    const builder = builderOf(cache);
    const old = "networking.istio.io/v1alpha3/ServiceEntry";
    expect(
      fromBinary(DiscoveryResponseSchema, Buffer.concat(build(builder, undefined, [], old).message)).typeUrl,
    ).toBe(old);
  });

  test("shows a revision's resources to that revision and to clients without one", () => {
    const cache = new ResourceCache();
    put(cache, "all");
    put(cache, "canary-only", "canary");
    const builder = builderOf(cache);
    expect(build(builder, "canary").resources).toBe(2);
    expect(build(builder, undefined).resources).toBe(2);
    expect(build(builder, "default").resources).toBe(1);
    const version = (revision: string) => builder.version("ServiceEntry", viewOf(revision));
    expect(version("default")).not.toBe(version("canary"));
  });

  test("answers names with those only", () => {
    const cache = new ResourceCache();
    for (const name of ["a", "b"]) put(cache, name);
    expect(build(builderOf(cache), undefined, ["n/b", "n/none"]).resources).toBe(1);
  });

  test("gives other content another nonce, and empty answers a new one each time", () => {
    const cache = new ResourceCache();
    put(cache, "a");
    const builder = builderOf(cache);
    const nonces = [builder.nonce("ServiceEntry", undefined)];
    put(cache, "b");
    nonces.push(
      builder.nonce("ServiceEntry", undefined),
      builder.nonce(undefined, undefined),
      builder.nonce(undefined, undefined),
    );
    expect(new Set(nonces).size).toBe(4);
    expect(nonces).not.toContain("");
  });
});
