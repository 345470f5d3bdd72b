import { expect, test } from "vitest";
import { pod, service } from "./kubernetes-suite-context.ts";
import type { SuiteContext } from "./kubernetes-suite-context.ts";

/** Status and shape of single answers, without our client: what the simulator is held to. */
export function protocolTests(suite: SuiteContext, hasWatchList: boolean): void {
  const status = async (path: string) => (await suite.server.get(path)).status;
  const json = async (path: string): Promise<Record<string, unknown>> => {
    const { body } = await suite.server.get(path);
    return fields(JSON.parse(body));
  };
  /** Type, name and code of the first lines of a watch. */
  const watch = async (path: string, count: number) => {
    const { body } = await suite.server.get(path, count);
    return body.trim().split("\n").map((line) => {
      const { type, object } = fields(JSON.parse(line));
      const { metadata, code, reason } = fields(object);
      const { name, annotations } = fields(metadata);
      return [
        type,
        name,
        code,
        reason,
        annotations === undefined ? undefined : Object.keys(fields(annotations)),
      ]
        .filter((part) => part !== undefined);
    });
  };

  test("refuses what it doesn't understand", async () => {
    expect(await status("/api/v1/nonsense")).toBe(404);
    expect(await status("/apis/multicluster.x-k8s.io/v1alpha1/serviceexports")).toBe(404);
    expect(await status("/api/v1/services?labelSelector=a%3D%3D%3Db")).toBe(400);
    expect(await status("/api/v1/services?fieldSelector=spec.nonsense%3Da")).toBe(400);
    expect(await status("/api/v1/services?resourceVersion=abc")).toBe(400);
    expect(await status("/api/v1/services?watch=true&resourceVersion=abc")).toBe(500);
    expect(await status("/api/v1/services?watch=true&sendInitialEvents=true")).toBe(422);
    const matching = "&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1";
    const watchList = `/api/v1/services?watch=true&sendInitialEvents=true${matching}`;
    expect(await status(watchList)).toBe(hasWatchList ? 200 : 422);
  });

  test("lists with a version, in order, page by page, each of the state of the first", async () => {
    const namespace = await suite.namespace("protocol-pages");
    for (const name of ["c", "a", "b"]) await suite.paint(namespace, name, "red");
    const path = `/api/v1/namespaces/${namespace}/services`;
    const first = await json(`${path}?limit=2`);
    expect(first).toMatchObject({ kind: "ServiceList", apiVersion: "v1" });
    expect(names(first)).toEqual(["a", "b"]);
    const { continue: token, resourceVersion } = fields(first["metadata"]);
    await suite.paint(namespace, "d", "red");
    const second = await json(`${path}?limit=2&continue=${encodeURIComponent(String(token))}`);
    expect(names(second)).toEqual(["c"]);
    expect(fields(second["metadata"])).toMatchObject({ resourceVersion });
    expect(fields(second["metadata"])["continue"] ?? "").toBe("");
    expect(names(await json(path))).toEqual(["a", "b", "c", "d"]);
  });

  test("gives each object a uid that stays, and a version that changes with it", async () => {
    const namespace = await suite.namespace("protocol-versions");
    const path = `/api/v1/namespaces/${namespace}/services/a`;
    const seen: Record<string, unknown>[] = [];
    const look = async () => seen.push(fields((await json(path))["metadata"]));
    await suite.paint(namespace, "a", "red");
    await look();
    await suite.paint(namespace, "a", "blue");
    await look();
    await suite.remove(namespace, "a");
    expect(await status(path)).toBe(404);
    await suite.paint(namespace, "a", "blue");
    await look();
    const [uids, versions] = ["uid", "resourceVersion"].map((key) => seen.map((metadata) => metadata[key]));
    expect(uids?.[0]).toBe(uids?.[1]);
    expect(uids?.[2]).not.toBe(uids?.[1]);
    expect(new Set(versions).size).toBe(3);
  });

  test("watches from a version on; what a selector no longer has is deleted", async () => {
    const namespace = await suite.namespace("protocol-watch");
    const path = `/api/v1/namespaces/${namespace}/services`;
    const version = String(fields((await json(path))["metadata"])["resourceVersion"]);
    await suite.paint(namespace, "a", "red");
    await suite.paint(namespace, "a", "blue");
    await suite.paint(namespace, "b", "red");
    await suite.remove(namespace, "b");
    const all = await watch(`${path}?watch=true&resourceVersion=${version}`, 4);
    expect(all).toEqual([["ADDED", "a"], ["MODIFIED", "a"], ["ADDED", "b"], ["DELETED", "b"]]);
    const red = await watch(`${path}?watch=true&resourceVersion=${version}&labelSelector=color%3Dred`, 4);
    expect(red).toEqual([["ADDED", "a"], ["DELETED", "a"], ["ADDED", "b"], ["DELETED", "b"]]);
  });

  test("ends a watch in order after the time asked for", async () => {
    const version = String(fields((await json("/api/v1/nodes"))["metadata"])["resourceVersion"]);
    const path =
      `/api/v1/nodes?watch=true&resourceVersion=${version}&allowWatchBookmarks=true&timeoutSeconds=1`;
    expect(await suite.server.get(path)).toEqual({ status: 200, body: "" });
  });

  test("doesn't know a version from the future: a list times out, a watch says nothing", async () => {
    const list = await suite.server.get("/api/v1/services?resourceVersion=999999999");
    expect(list.status).toBe(504);
    expect(list.body).toContain("Too large resource version");
    const path =
      "/api/v1/services?watch=true&resourceVersion=999999999&allowWatchBookmarks=true&timeoutSeconds=1";
    expect(await suite.server.get(path)).toEqual({ status: 200, body: "" });
  });

  test("says within the stream that a version is gone", async () => {
    const namespace = await suite.namespace("protocol-gone");
    const path = `/api/v1/namespaces/${namespace}/services`;
    const version = String(fields((await json(path))["metadata"])["resourceVersion"]);
    await suite.paint(namespace, "a", "red");
    await suite.server.forgetVersions();
    expect(await watch(`${path}?watch=true&resourceVersion=${version}`, 1)).toEqual([[
      "ERROR",
      410,
      "Expired",
    ]]);
  });

  test.skipIf(!hasWatchList)("tells the whole state as events, and when that is done", async () => {
    const namespace = await suite.namespace("protocol-watch-list");
    for (const name of ["a", "b"]) await suite.paint(namespace, name, "red");
    const matching = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    const path = `/api/v1/namespaces/${namespace}/services?watch=true&${matching}`;
    expect(await watch(path, 3)).toEqual([
      ["ADDED", "a"],
      ["ADDED", "b"],
      ["BOOKMARK", ["k8s.io/initial-events-end"]],
    ]);
  });

  test("selects by labels and fields", async () => {
    const namespace = await suite.namespace("protocol-selectors");
    await suite.server.set("services", service(namespace, "red", "red"));
    await suite.server.set("services", service(namespace, "blue", "blue"));
    await suite.server.set("services", {
      ...service(namespace, "none", ""),
      metadata: { namespace, name: "none" },
    });
    const select = async (query: Record<string, string>) =>
      names(await json(`/api/v1/namespaces/${namespace}/services?${new URLSearchParams(query).toString()}`));
    expect(await select({ labelSelector: "color=red" })).toEqual(["red"]);
    expect(await select({ labelSelector: "color!=red" })).toEqual(["blue", "none"]);
    expect(await select({ labelSelector: "color in (red,blue)" })).toEqual(["blue", "red"]);
    expect(await select({ labelSelector: "color notin (red, blue)" })).toEqual(["none"]);
    expect(await select({ labelSelector: "color" })).toEqual(["blue", "red"]);
    expect(await select({ labelSelector: "!color" })).toEqual(["none"]);
    expect(await select({ fieldSelector: "metadata.name!=red" })).toEqual(["blue", "none"]);
    expect(await select({ fieldSelector: "metadata.namespace=other" })).toEqual([]);
    await suite.server.set("pods", pod(namespace, "running", "Running"));
    await suite.server.set("pods", pod(namespace, "done", "Succeeded"));
    const pods = `/api/v1/namespaces/${namespace}/pods?fieldSelector=status.phase!%3DSucceeded`;
    expect(names(await json(pods))).toEqual(["running"]);
  });
}

function names(list: Readonly<Record<string, unknown>>): unknown[] {
  const { items } = list;
  return Array.isArray(items) ? items.map((item) => fields(fields(item)["metadata"])["name"]) : [];
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
