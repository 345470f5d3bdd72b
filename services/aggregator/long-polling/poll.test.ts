import { describe, expect, test } from "vitest";
import { decide, parsePoll } from "./poll.ts";

const typeUrl = "networking.istio.io/v1alpha3/ServiceEntry";

describe("parsePoll", () => {
  test.each([
    [{ typeUrl }, { typeUrl, version: "", namespace: "", form: "protobuf" }],
    [{ typeUrl, version: "v", ns: "a", ser: "yaml" }, {
      typeUrl,
      version: "v",
      namespace: "a",
      form: "yaml",
    }],
    [{ typeUrl, ser: "json" }, { typeUrl, version: "", namespace: "", form: "protobuf" }],
    [{ version: "v" }, undefined],
    [{ typeUrl, version: "\n" }, undefined],
    [{ typeUrl, version: "v\u00e4" }, undefined],
  ])("%j", (query, poll) => {
    expect(parsePoll(query)).toEqual(poll);
  });
});

describe("decide", () => {
  const poll = (version: string) => ({ typeUrl, version, namespace: "", form: "protobuf" as const });

  test.each([
    ["a client without anything", "", "v1", false, "everything"],
    ["another version", "v0", "v1", false, "everything"],
    ["another version, late", "v0", "v1", true, "everything"],
    ["the same version", "v1", "v1", false, "wait"],
    ["the same version, late", "v1", "v1", true, "nothing"],
    ["nothing known yet", "", undefined, false, "wait"],
    ["nothing known yet, late", "v1", undefined, true, "nothing"],
  ])("%s", (_, held, version, isTimeOver, decision) => {
    expect(decide(poll(held), version, isTimeOver)).toBe(decision);
  });
});
