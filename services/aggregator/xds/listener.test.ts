import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { filtersOf, viewOf } from "./listener.ts";
import type { ListenerProfile } from "./listener.ts";

const everything: ListenerProfile = {
  name: "",
  dialect: "auto",
  incPush: false,
  revision: "",
  namespaces: [],
  registries: [],
  shard: undefined,
  trustsShards: false,
};

/** Which of four resources a client with that metadata sees on a listener. */
function shown(listener: Partial<ListenerProfile>, metadata: JsonObject): string[] {
  const view = viewOf({ ...everything, ...listener }, filtersOf(metadata));
  const resources = [["a/x", "eureka"], ["b/x", "eureka"], ["a/y", "zookeeper"], [
    "c/y",
    "zookeeper",
  ]] as const;
  return resources.filter(([name, registry]) => view.shows(name, { registry, revision: undefined }))
    .map(([name]) => name);
}

const all = ["a/x", "b/x", "a/y", "c/y"];

describe("what a client sees", () => {
  test.each<[string, Partial<ListenerProfile>, JsonObject, string[]]>([
    ["no filter", {}, {}, all],
    ["its own namespaces", {}, { MESHREGISTRY_NAMESPACES: " a, b," }, ["a/x", "b/x", "a/y"]],
    ["its own registries", {}, { MESHREGISTRY_REGISTRIES: "zookeeper" }, ["a/y", "c/y"]],
    ["both", {}, { MESHREGISTRY_NAMESPACES: "a", MESHREGISTRY_REGISTRIES: "eureka" }, ["a/x"]],
    ["the listener's", { namespaces: ["a"] }, {}, ["a/x", "a/y"]],
    ["the listener's and its own", { namespaces: ["a", "b"] }, { MESHREGISTRY_NAMESPACES: "b,c" }, ["b/x"]],
    ["no more than the listener's", { registries: ["eureka"] }, { MESHREGISTRY_REGISTRIES: "zookeeper" }, []],
    ["nothing in common", { namespaces: ["a"] }, { MESHREGISTRY_NAMESPACES: "c" }, []],
    ["what isn't text", {}, { MESHREGISTRY_NAMESPACES: ["a"], MESHREGISTRY_REGISTRIES: 1 }, all],
  ])("%s", (_, listener, metadata, names) => {
    expect(shown(listener, metadata)).toEqual(names);
  });

  test("a listener's revision counts in place of the client's, which may name several", () => {
    const revisions = (revision: string) =>
      viewOf({ ...everything, revision }, filtersOf({ ISTIO_REVISION: "canary,stable" })).scope.revisions;
    expect(revisions("")).toEqual(["canary", "stable"]);
    expect(revisions("blue")).toEqual(["blue"]);
  });
});
