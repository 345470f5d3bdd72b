import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DiscoveryResponseSchema } from "../../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { typeUrl, wrapped } from "../../output/resource-rig.ts";
import { completeUpdate } from "../../clients/type-update.ts";
import type { TypeUpdate } from "../../clients/type-update.ts";
import { TypeView } from "./type-view.ts";

const complete = (...resources: Any[]) =>
  completeUpdate(create(DiscoveryResponseSchema, { typeUrl, resources }));

/** What changed, in one message of a dialect that sends no more. */
const partial = (resources: Any[], removed: readonly string[] = []): TypeUpdate => ({
  ...complete(...resources),
  isComplete: false,
  removed,
});

const summary = ({ changes, problems }: ReturnType<TypeView["apply"]>) => ({
  changes: changes.map(({ change, resource: { metadata } }) =>
    `${change} ${metadata.namespace}/${metadata.name}`
  ),
  problems,
});

describe("complete updates", () => {
  test("what is missing is deleted, what is equal is nothing", () => {
    const view = new TypeView(typeUrl);
    const first = complete(wrapped("s/b", "1", ["b"]), wrapped("s/a", "1", ["a"]));
    expect(summary(view.apply(first))).toEqual({ changes: ["added s/a", "added s/b"], problems: [] });
    expect(summary(view.apply(first))).toEqual({ changes: [], problems: [] });
    expect(summary(view.apply(complete(wrapped("s/b", "2", ["c"]))))).toEqual({
      changes: ["deleted s/a", "updated s/b"],
      problems: [],
    });
    expect(view.versions()).toEqual({ "s/b": "2" });
  });

  test("a server without versions (slime): only content counts", () => {
    const view = new TypeView(typeUrl);
    view.apply(complete(wrapped("s/a", "", ["a"], "1")));
    expect(view.apply(complete(wrapped("s/a", "", ["a"], "2"))).changes).toEqual([]);
    expect(summary(view.apply(complete(wrapped("s/a", "", ["b"], "3"))))).toEqual({
      changes: ["updated s/a"],
      problems: [],
    });
  });

  test("tells of other content under the same version, and of names that come twice", () => {
    const view = new TypeView(typeUrl);
    view.apply(complete(wrapped("s/a", "1", ["a"])));
    expect(summary(view.apply(complete(wrapped("s/a", "1", ["b"])))).problems).toEqual([
      "s/a has other content under the same version 1: istiod ignores it",
    ]);
    const { changes, problems } = summary(
      view.apply(complete(wrapped("s/twice", "1", ["a"]), wrapped("s/twice", "2", ["b"]))),
    );
    expect(changes).toEqual(["deleted s/a", "added s/twice"]);
    expect(problems).toEqual(["s/twice comes twice in one response; the later one wins"]);
  });
});

describe("partial updates", () => {
  test("change what they name, and nothing else", () => {
    const view = new TypeView(typeUrl);
    view.apply(partial([wrapped("s/a", "1", ["a"]), wrapped("s/b", "1", ["b"])]));
    expect(summary(view.apply(partial([wrapped("s/c", "1", ["c"]), wrapped("s/b", "2", ["x"])], ["s/a"]))))
      .toEqual({ changes: ["deleted s/a", "updated s/b", "added s/c"], problems: [] });
    expect(view.versions()).toEqual({ "s/b": "2", "s/c": "1" });
  });

  test("tell of removals that mean nothing", () => {
    const view = new TypeView(typeUrl);
    view.apply(partial([wrapped("s/a", "1", ["a"])]));
    expect(summary(view.apply(partial([wrapped("s/a", "2", ["b"])], ["s/a", "s/never"])))).toEqual({
      changes: ["updated s/a"],
      problems: [
        "s/a is sent and removed in one response; the former wins",
        "s/never is removed, but was never sent",
      ],
    });
  });

  test("tell of what is sent again, and guess at a server that sends everything", () => {
    const view = new TypeView(typeUrl);
    const all = ["a", "b", "c", "d"].map((name) => wrapped(`s/${name}`, "1", [name]));
    view.apply(partial(all));
    const [one, ...others] = all;
    expect(summary(view.apply(partial(one === undefined ? [] : [one])))).toEqual({
      changes: [],
      problems: ["1 of 1 resources were sent again without a change (s/a)"],
    });
    expect(summary(view.apply(partial([wrapped("s/a", "2", ["x"]), ...others])))).toEqual({
      changes: ["updated s/a"],
      problems: [
        "3 of 4 resources were sent again without a change (s/b, s/c, s/d); the server seems to send everything " +
        "each time, as in state of the world",
      ],
    });
  });

  test("a new place in the entry log is neither a change nor a repetition", () => {
    const view = new TypeView(typeUrl);
    view.apply(partial([wrapped("s/a", "1", ["a"], "1")]));
    expect(summary(view.apply(partial([wrapped("s/a", "1", ["a"], "2")])))).toEqual({
      changes: [],
      problems: [],
    });
  });
});

test("the same changes show, whether a server sends everything or what changed", () => {
  const world = fc.dictionary(fc.constantFrom("s/a", "s/b", "s/c", "s/d"), fc.constantFrom("1", "2", "3"));
  fc.assert(fc.property(fc.array(world, { maxLength: 6 }), (worlds) => {
    const [whole, parts] = [new TypeView(typeUrl), new TypeView(typeUrl)];
    for (const world of worlds) {
      const before = parts.versions();
      const all = Object.entries(world).map(([name, version]) => wrapped(name, version, [version]));
      const changed = Object.entries(world).filter(([name, version]) => before[name] !== version)
        .map(([name, version]) => wrapped(name, version, [version]));
      const gone = Object.keys(before).filter((name) => !Object.hasOwn(world, name));
      expect(summary(parts.apply(partial(changed, gone)))).toEqual(summary(whole.apply(complete(...all))));
      expect(parts.versions()).toEqual(whole.versions());
    }
  }));
});
