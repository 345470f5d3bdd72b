import { expect, test } from "vitest";
import { MeshError } from "../../shared/runtime/errors.ts";
import { resources } from "../../shared/kubernetes/kubernetes.ts";
import { Follower, keep, pod, servicesOf } from "./kubernetes-suite-context.ts";
import type { SuiteContext } from "./kubernetes-suite-context.ts";

/** Reads, watches, and what is told of both. */
export function readingTests(suite: SuiteContext, hasWatchList: boolean): void {
  test("reads everything, then tells of each change with what was before", async () => {
    const namespace = await suite.namespace("reading");
    await suite.paint(namespace, "a", "red");
    await suite.paint(namespace, "b", "red");
    await using cluster = await suite.open();
    await using follower = await new Follower(cluster, servicesOf(namespace)).synced();
    expect(follower.events.map(({ type }) => type)).toEqual(["read-started", "read-ended"]);
    expect(follower.told("read-started")[0]?.why).toBe("start");
    expect([...(follower.told("read-ended")[0]?.set.keys() ?? [])]).toEqual(["reading/a", "reading/b"]);
    await suite.paint(namespace, "c", "green");
    await suite.paint(namespace, "a", "blue");
    await suite.remove(namespace, "b");
    await follower.has({ "reading/a": "blue", "reading/c": "green" });
    const changes = follower.events.slice(2).map((event) =>
      event.type === "set" || event.type === "deleted"
        ? [event.type, event.key, event.before?.color]
        : event.type
    );
    expect(changes).toEqual([
      ["set", "reading/c", undefined],
      ["set", "reading/a", "red"],
      ["deleted", "reading/b", "red"],
    ]);
    expect(follower.reflector.state).toMatchObject({
      phase: "watching",
      isSynced: true,
      reads: 1,
      events: 3,
    });
  });

  test("reads with a WatchList, or with pages where there is none", async () => {
    const namespace = await suite.namespace("reading-kinds");
    for (let index = 0; index < 7; index++) await suite.paint(namespace, `s${index}`, "red");
    await using cluster = await suite.open({ pageSize: 3 });
    await using first = await new Follower(cluster, servicesOf(namespace)).synced();
    expect(first.copy.size).toBe(7);
    expect(cluster.requests).toMatchObject(
      hasWatchList ? { watchList: 1, list: 0 } : { watchList: 1, list: 3 },
    );
    // Refused once, it isn't asked for again.
    await using second = await new Follower(cluster, servicesOf(namespace)).synced();
    expect(second.copy.size).toBe(7);
    expect(cluster.requests).toMatchObject(
      hasWatchList ? { watchList: 2, list: 0 } : { watchList: 1, list: 6 },
    );
  });

  test("tells nothing of changes that don't survive trimming", async () => {
    const namespace = await suite.namespace("reading-trimmed");
    await suite.paint(namespace, "a", "red");
    await using cluster = await suite.open();
    await using follower = await new Follower(cluster, servicesOf(namespace)).synced();
    await suite.server.set("services", {
      metadata: { namespace, name: "a", labels: { color: "red" }, annotations: { note: "unseen" } },
      spec: { ports: [{ name: "http", port: 80 }], selector: { app: "a" } },
    });
    await suite.paint(namespace, "b", "red");
    await follower.has({ "reading-trimmed/a": "red", "reading-trimmed/b": "red" });
    expect(follower.told("set").map(({ key }) => key)).toEqual(["reading-trimmed/b"]);
    expect(follower.reflector.state.unchanged).toBe(1);
  });

  test("treats an object that isn't wanted as if it didn't exist, and keeps one that has become invalid", async () => {
    const namespace = await suite.namespace("reading-wanted");
    await suite.paint(namespace, "a", "red");
    await suite.paint(namespace, "b", "unwanted");
    await suite.paint(namespace, "c", "broken");
    await using cluster = await suite.open();
    await using follower = new Follower(cluster, servicesOf(namespace), (object) => {
      const kept = keep(object);
      if (kept.color === "broken") throw new MeshError("invalid-record", "spec.ports: expected array");
      // A keeper that says undefined lets go of it.
      return kept.color === "unwanted" ? undefined : kept;
    });
    await follower.synced();
    expect(follower.told("invalid")).toEqual([
      { type: "invalid", key: "reading-wanted/c", reason: "spec.ports: expected array" },
    ]);
    await follower.has({ "reading-wanted/a": "red" });
    await suite.paint(namespace, "b", "blue");
    await follower.has({ "reading-wanted/a": "red", "reading-wanted/b": "blue" });
    await suite.paint(namespace, "a", "unwanted");
    await follower.has({ "reading-wanted/b": "blue" });
    await suite.paint(namespace, "b", "broken");
    await follower.saw("invalid", 2);
    await follower.has({ "reading-wanted/b": "blue" });
    follower.reflector.readAgain();
    await follower.saw("read-ended", 2);
    expect(follower.told("read-ended")[1]).toMatchObject({ set: new Map(), lost: new Map() });
    await follower.has({ "reading-wanted/b": "blue" });
  });

  test("reads one namespace only, or objects by label and field", async () => {
    const [one, two] = [await suite.namespace("select-1"), await suite.namespace("select-2")];
    await using cluster = await suite.open();
    const select = { resource: resources.services, labelSelector: "color=red" };
    await using red = new Follower(cluster, select);
    await using inOne = new Follower(cluster, servicesOf(one));
    const fieldSelector = "status.phase!=Succeeded,metadata.namespace!=select-2";
    await using pods = new Follower(cluster, { resource: resources.pods, namespace: one, fieldSelector });
    for (const follower of [red, inOne, pods]) await follower.synced();
    await suite.paint(one, "a", "red");
    await suite.paint(two, "b", "red");
    await suite.server.set("pods", pod(one, "p", "Running"));
    await inOne.has({ "select-1/a": "red" });
    await expectColor(red, "select-1/a", "select-2/b");
    await pods.saw("set");
    expect([...pods.copy.keys()]).toEqual(["select-1/p"]);
    await suite.paint(two, "b", "blue");
    await suite.server.set("pods", pod(one, "p", "Succeeded"));
    await pods.has({});
    await expectColor(red, "select-1/a");
    expect(red.told("deleted").map(({ key }) => key)).toEqual(["select-2/b"]);
  });

  /** Other tests' objects may be red, too. */
  async function expectColor(follower: Follower, ...keys: readonly string[]): Promise<void> {
    const mine = () => [...follower.copy.keys()].filter((key) => key.startsWith("select-")).sort();
    await expect.poll(mine, { timeout: 60_000, interval: 20 }).toEqual(keys);
  }

  test("reads kinds without namespaces", async () => {
    await suite.server.set("nodes", { metadata: { name: "node-9", labels: { color: "red" } } });
    await using cluster = await suite.open();
    await using follower = await new Follower(cluster, { resource: resources.nodes }).synced();
    expect(follower.copy.get("/node-9")?.color).toBe("red");
  });

  test("tells of an object that was deleted and created again as another one", async () => {
    const namespace = await suite.namespace("reading-uid");
    await suite.paint(namespace, "a", "red");
    await using cluster = await suite.open();
    await using follower = await new Follower(cluster, servicesOf(namespace)).synced();
    await suite.remove(namespace, "a");
    await suite.paint(namespace, "a", "red");
    await follower.saw("set");
    expect(follower.events.slice(2).map(({ type }) => type)).toEqual(["deleted", "set"]);
    expect(follower.told("set")[0]?.object.uid).not.toBe(follower.told("deleted")[0]?.before.uid);
  });

  test("resumes a watch that the server ended, without reading again", async () => {
    const namespace = await suite.namespace("reading-resume");
    await using cluster = await suite.open({ watchMs: 1_000 });
    await using follower = await new Follower(cluster, servicesOf(namespace)).synced();
    const expected: Record<string, string> = {};
    for (let index = 0; cluster.requests.watch < 3; index++) {
      await suite.paint(namespace, `s${index % 5}`, `color-${index}`);
      expected[`reading-resume/s${index % 5}`] = `color-${index}`;
      await follower.has(expected);
    }
    expect(follower.reflector.state.reads).toBe(1);
    expect(follower.told("failed")).toEqual([]);
  });

  test("takes objects of a megabyte, and keeps little of them", async () => {
    const namespace = await suite.namespace("reading-large");
    await using cluster = await suite.open();
    await using secrets = await new Follower(cluster, { resource: resources.secrets, namespace }).synced();
    const data = { large: Buffer.alloc(900_000, "é").toString("base64") };
    await suite.server.set("secrets", { metadata: { namespace, name: "s", labels: { color: "red" } }, data });
    await secrets.has({ "reading-large/s": "red" });
    await using again = await new Follower(cluster, { resource: resources.secrets, namespace }).synced();
    await again.has({ "reading-large/s": "red" });
  });

  test("ends when it is disposed of, and with its cluster", async () => {
    const namespace = await suite.namespace("reading-end");
    const cluster = await suite.open();
    const first = await new Follower(cluster, servicesOf(namespace)).synced();
    const second = await new Follower(cluster, servicesOf(namespace)).synced();
    await first[Symbol.asyncDispose]();
    expect(first.reflector.state.phase).toBe("closed");
    await suite.paint(namespace, "a", "red");
    await second.has({ "reading-end/a": "red" });
    expect(first.colors).toEqual({});
    await cluster[Symbol.asyncDispose]();
    expect(second.reflector.state.phase).toBe("closed");
    const late = new Follower(cluster, servicesOf(namespace));
    await expect(late.synced()).rejects.toMatchObject({ code: "registry-unavailable" });
  });
}
