import { expect, test } from "vitest";
import { loadConfig, nacosServersOf } from "../../../shared/config/mod.ts";
import type { NacosServer } from "../../../shared/config/mod.ts";
import { asksForNamespaces, wantedNamespaces } from "./namespaces.ts";

function server(keys: Partial<NacosServer>): NacosServer {
  const { config } = loadConfig(
    JSON.stringify({ nacosSource: { servers: [{ address: ["http://a:8848"], ...keys }] } }),
    { env: {}, fileName: "of the test" },
  );
  const [only] = nacosServersOf(config.nacosSource);
  if (only === undefined) throw new TypeError("no server");
  return only;
}

const known = [
  { id: "public", name: "public" },
  { id: "id-1", name: "dev" },
  { id: "id-3", name: "twice" },
  { id: "id-2", name: "twice" },
];

/** `id(name): groups` of each. */
function wanted(keys: Partial<NacosServer>, list: typeof known | "closed" = known): readonly string[] {
  return wantedNamespaces(server(keys), list === "closed" ? undefined : list).map(({ id, name, groups }) =>
    `${id}(${name}): ${groups?.join(",") ?? "all"}`
  );
}

test("without a namespace it is the public one, and no group is the default one; nothing is asked for", () => {
  expect(wanted({}, "closed")).toEqual(["public(public): DEFAULT_GROUP"]);
  expect(asksForNamespaces(server({}))).toBe(false);
  expect(asksForNamespaces(server({ namespaceGroups: ["public:a", ":b"] }))).toBe(false);
  expect(asksForNamespaces(server({ namespace: "dev" }))).toBe(true);
  expect(asksForNamespaces(server({ allNamespaces: true }))).toBe(true);
});

test("a namespace is given by its id or its name; one that is in no list is an id", () => {
  expect(wanted({ namespace: "dev", group: "g" })).toEqual(["id-1(dev): g"]);
  expect(wanted({ namespace: "id-1" })).toEqual(["id-1(dev): DEFAULT_GROUP"]);
  expect(wanted({ namespace: "dev" }, "closed")).toEqual(["dev(dev): DEFAULT_GROUP"]);
  expect(wanted({ namespaceGroups: ["other:a,b", "dev"] }))
    .toEqual(["other(other): a,b", "id-1(dev): DEFAULT_GROUP"]);
});

test('"" and "public" are one namespace, which is read once', () => {
  expect(wanted({ namespaceGroups: [":a", "public:b"] })).toEqual(["public(public): a,b"]);
  expect(wanted({ allNamespaces: true })).toEqual([
    "public(public): all",
    "id-1(dev): all",
    "id-3(twice): all",
    "id-2(twice): all",
  ]);
});

test("of several namespaces with one name the first by id is read, and the others are named", () => {
  const told: unknown[] = [];
  const found = wantedNamespaces(
    server({ namespace: "twice" }),
    known,
    (name, ids) => told.push([name, ids]),
  );
  expect(found.map(({ id }) => id)).toEqual(["id-2"]);
  expect(told).toEqual([["twice", ["id-2", "id-3"]]]);
});
