import { describe, expect, test } from "vitest";
import { openCluster } from "../open-cluster.ts";
import { resources } from "../kubernetes.ts";
import type { ClusterOptions, ReceivedObject, ReflectorEvent } from "../kubernetes.ts";
import {
  bookmark,
  errorLine,
  hang,
  initialEnd,
  item,
  line,
  page,
  refuse,
  ScriptedApi,
  send,
  sendAll,
  sendAndBreak,
} from "../scripted-api-rig.ts";
import type { Script } from "../scripted-api-rig.ts";

const patient = { timeout: 10_000, interval: 10 };
const noWatchList = refuse(422, "sendInitialEvents is forbidden");

/** A reflector of Services that keeps their names, before a server that does as the scripts say. */
async function follow(options: Partial<ClusterOptions>, ...scripts: readonly Script[]) {
  const api = await ScriptedApi.start(...scripts);
  const cluster = await openCluster({ kind: "text", text: api.kubeconfig }, {
    name: "east",
    maxRetryMs: 20,
    environment: {},
    ...options,
  });
  const events: ReflectorEvent<string>[] = [];
  const trim = ({ name }: ReceivedObject) => name;
  const reflector = cluster.reflect({ resource: resources.services }, {
    trim,
    onEvent: (event) => events.push(event),
  });
  return {
    api,
    events,
    reflector,
    names: () => [...reflector.objects.values()],
    asked: () => api.requests.map((url) => Object.fromEntries(url.searchParams)),
    failures: () => events.flatMap((event) => (event.type === "failed" ? [event.error] : [])),
    types: () => events.map(({ type }) => type),
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

describe("ApiReflector", () => {
  test("asks as the API wants it", async () => {
    await using rig = await follow(
      { watchMs: 100_000 },
      noWatchList,
      page("5", "t/1=", item("a", "1")),
      page("5", undefined, item("b", "2")),
      sendAll(line("ADDED", "c", "6"), bookmark("9")),
      send(),
    );
    await expect.poll(() => rig.api.requests.length, patient).toBe(5);
    const [watchList, first, second, watch, resumed] = rig.asked();
    expect(watchList).toMatchObject({
      watch: "true",
      sendInitialEvents: "true",
      resourceVersionMatch: "NotOlderThan",
      allowWatchBookmarks: "true",
    });
    expect(first).toEqual({ limit: "500" });
    expect(second).toEqual({ limit: "500", continue: "t/1=" });
    expect(watch).toMatchObject({ watch: "true", resourceVersion: "5", allowWatchBookmarks: "true" });
    expect(Number(watch?.["timeoutSeconds"])).toBeGreaterThanOrEqual(75);
    expect(Number(watch?.["timeoutSeconds"])).toBeLessThanOrEqual(125);
    expect(resumed).toMatchObject({ resourceVersion: "9" });
    expect(rig.types()).toEqual(["read-started", "read-ended", "set"]);
    expect(rig.names()).toEqual(["a", "b", "c"]);
    // Only lists are worth compressing.
    expect(rig.api.headers.map((headers) => headers["accept-encoding"])).toEqual([
      undefined,
      "gzip",
      "gzip",
      undefined,
      undefined,
    ]);
  });

  test("drops an object that was cut off in the middle, and gets it whole from the version before", async () => {
    const whole = line("ADDED", "b", "6");
    await using rig = await follow(
      {},
      sendAndBreak(line("ADDED", "a", "1"), initialEnd("5"), whole.slice(0, 40)),
      send(whole),
    );
    await expect.poll(rig.names, patient).toEqual(["a", "b"]);
    expect(rig.asked()[1]).toMatchObject({ resourceVersion: "5" });
    expect(rig.failures().map(({ reason }) => reason)).toEqual(["unreachable"]);
  });

  test("treats a stream that ends in order, but within an object, as broken", async () => {
    await using rig = await follow(
      {},
      sendAll(initialEnd("5"), '{"type":"ADD'),
      send(line("ADDED", "b", "6")),
    );
    await expect.poll(rig.names, patient).toEqual(["b"]);
    expect(rig.failures()[0]?.message).toContain("ended a watch in the middle of an object");
  });

  test("a list that is cut off changes nothing", async () => {
    const full = JSON.stringify({
      metadata: { resourceVersion: "9" },
      items: [item("x", "8"), item("y", "8")],
    });
    await using rig = await follow(
      {},
      noWatchList,
      page("5", undefined, item("a", "1"), item("b", "2")),
      sendAll(errorLine(410, "Expired")),
      sendAndBreak(full.slice(0, -40)),
      sendAll(full.slice(0, -40)),
      page("10", undefined, item("a", "1")),
      send(),
    );
    await expect.poll(() => rig.reflector.state.reads, patient).toBe(2);
    expect(rig.failures().map(({ reason }) => reason)).toEqual(["unreachable", "protocol"]);
    expect(rig.names()).toEqual(["a"]);
    const last = rig.events.at(-1);
    expect(last?.type === "read-ended" && [...last.lost.keys()]).toEqual(["ns/b"]);
  });

  test.each([
    ["as an event", sendAll(errorLine(410, "Expired"))],
    ["as a status", refuse(410, "Expired")],
    ["because it is from the future", refuse(504, "Timeout: Too large resource version: 9, current: 5")],
  ])("reads again when its version is gone, %s", async (_, gone) => {
    await using rig = await follow(
      {},
      sendAll(line("ADDED", "a", "1"), initialEnd("5")),
      gone,
      send(line("ADDED", "b", "7"), initialEnd("8")),
    );
    await expect.poll(rig.names, patient).toEqual(["b"]);
    expect(rig.types()).toEqual(["read-started", "read-ended", "read-started", "read-ended"]);
    expect(rig.events[2]).toEqual({ type: "read-started", why: "gone" });
  });

  test("slows down in a storm of versions that are gone", async () => {
    await using rig = await follow(
      { maxRetryMs: 200 },
      noWatchList,
      ...Array.from({ length: 50 }, () => [page("5", undefined, item("a", "1")), refuse(410, "Expired")])
        .flat(),
    );
    const start = performance.now();
    await expect.poll(() => rig.failures().length, patient).toBeGreaterThanOrEqual(5);
    // The first one is read at once, the others after 50, 100, 100 and 100 ms at least.
    expect(performance.now() - start).toBeGreaterThan(300);
    expect(rig.api.requests.length).toBeLessThan(25);
    expect(rig.names()).toEqual(["a"]);
  });

  test("asks for everything at once after its page token has expired", async () => {
    await using rig = await follow(
      {},
      noWatchList,
      page("5", "t", item("a", "1")),
      refuse(410, "the provided continue parameter is too old"),
      page("9", undefined, item("b", "2")),
      send(),
    );
    await expect.poll(rig.names, patient).toEqual(["b"]);
    expect(rig.asked().slice(1, 4)).toEqual([{ limit: "500" }, { limit: "500", continue: "t" }, {}]);
  });

  test("waits as long as a busy server asks", async () => {
    const date = new Date("2001-01-01T00:00:00Z").toUTCString();
    const later = new Date("2001-01-01T00:00:01Z").toUTCString();
    await using rig = await follow(
      {},
      refuse(429, "storage is (re)initializing", { "retry-after": "1" }),
      refuse(503, "apiserver is shutting down", { "retry-after": later, date }),
      send(initialEnd("5")),
    );
    const start = performance.now();
    await expect.poll(() => rig.reflector.state.isSynced, patient).toBe(true);
    expect(performance.now() - start).toBeGreaterThan(1_990);
    expect(rig.failures().map(({ reason, retryAfterMs }) => [reason, retryAfterMs])).toEqual([
      ["throttled", 1_000],
      ["throttled", 1_000],
    ]);
  });

  test.each<[number, string]>([
    [500, "unreachable"],
    [502, "unreachable"],
    [504, "unreachable"],
    [401, "unauthorized"],
    [403, "forbidden"],
    [404, "not-found"],
    [429, "throttled"],
  ])("says what status %i means, keeps what it has, and goes on", async (code, reason) => {
    await using rig = await follow(
      {},
      sendAll(line("ADDED", "a", "1"), initialEnd("5")),
      refuse(code, "why"),
      send(line("ADDED", "b", "6")),
    );
    await expect.poll(rig.names, patient).toEqual(["a", "b"]);
    expect(rig.failures()).toMatchObject([{
      reason,
      message: expect.stringMatching(`${code} why`) as unknown,
    }]);
    expect(rig.reflector.state).toMatchObject({ error: undefined, reads: 1 });
  });

  test("isn't done with a WatchList at a bookmark that doesn't end the initial events", async () => {
    await using rig = await follow(
      {},
      send(line("ADDED", "a", "1"), bookmark("3"), line("ADDED", "b", "2"), initialEnd("5")),
    );
    await expect.poll(() => rig.reflector.state.isSynced, patient).toBe(true);
    const ended = rig.events.find((event) => event.type === "read-ended");
    expect([...(ended?.set.keys() ?? [])]).toEqual(["ns/a", "ns/b"]);
  });

  test("tells nothing twice where a server tells every object again after a reconnect", async () => {
    const all = Array.from({ length: 500 }, (_, index) => line("ADDED", `s${index}`, String(index + 1)));
    await using rig = await follow(
      {},
      sendAndBreak(...all, initialEnd("500")),
      send(...all, line("MODIFIED", "s7", "501"), line("ADDED", "new", "502")),
    );
    await expect.poll(() => rig.reflector.state.events, patient).toBe(502);
    expect(rig.types()).toEqual(["read-started", "read-ended", "failed", "set"]);
    expect(rig.reflector.state).toMatchObject({ unchanged: 501, resourceVersion: "502" });
  });

  test("takes a WatchList that ends before it has told everything for none, and reads pages", async () => {
    await using rig = await follow(
      {},
      sendAll(line("ADDED", "a", "1")),
      page("5", undefined, item("b", "2")),
      send(),
    );
    await expect.poll(rig.names, patient).toEqual(["b"]);
    expect(rig.types()).toEqual(["read-started", "failed", "read-started", "read-ended"]);
  });

  test("takes a WatchList that falls silent before it has told everything for none", async () => {
    await using rig = await follow(
      { silenceMs: 100 },
      send(line("ADDED", "a", "1")),
      page("5", undefined, item("b", "2")),
      send(),
    );
    await expect.poll(rig.names, patient).toEqual(["b"]);
    expect(rig.types().slice(0, 4)).toEqual(["read-started", "silent", "read-started", "read-ended"]);
  });

  test("reads again after a watch that said nothing from its first moment", async () => {
    await using rig = await follow(
      { silenceMs: 100 },
      sendAll(line("ADDED", "a", "1"), initialEnd("5")),
      send(),
      send(line("ADDED", "b", "2"), initialEnd("6")),
    );
    await expect.poll(rig.names, patient).toEqual(["b"]);
    expect(rig.types().slice(0, 4)).toEqual(["read-started", "read-ended", "silent", "read-started"]);
    expect(rig.events[3]).toMatchObject({ why: "silent" });
  });

  test("doesn't take a quiet watch with bookmarks for silent", async () => {
    let told = 0;
    await using rig = await follow(
      { silenceMs: 400 },
      send(line("ADDED", "a", "1"), initialEnd("5")),
      (response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write(bookmark(String(6 + told++))), 100);
        response.once("close", () => clearInterval(timer));
      },
    );
    await expect.poll(() => rig.types().includes("silent"), patient).toBe(true);
    await expect.poll(() => told, patient).toBeGreaterThan(10);
    expect(rig.types().filter((type) => type === "silent")).toHaveLength(1);
    expect(rig.reflector.state).toMatchObject({ reads: 1, events: 0, phase: "watching" });
  });

  test("gives up a server that accepts and never responds", async () => {
    await using rig = await follow({ responseTimeoutMs: 100 }, hang, send(initialEnd("5")));
    await expect.poll(() => rig.reflector.state.isSynced, patient).toBe(true);
    expect(rig.failures()[0]).toMatchObject({ reason: "unreachable", isTimeout: true });
    expect(rig.failures()[0]?.message).toContain("gave no response within 0.1 s");
  });

  test("gives up a server that refuses and never finishes saying why", async () => {
    await using rig = await follow({ silenceMs: 100 }, (response) => {
      response.writeHead(500);
      response.write("because");
    }, send(initialEnd("5")));
    await expect.poll(() => rig.reflector.state.isSynced, patient).toBe(true);
    expect(rig.failures()).toMatchObject([{ reason: "unreachable" }]);
    expect(rig.failures()[0]?.message).toContain("500 because");
  });

  test.each([
    ["no JSON", "{nonsense}\n", "that is no JSON"],
    ["no object", "5\n", "a line of a watch that is no object"],
    ["of an unknown type", '{"type":"MOVED","object":{}}\n', "unknown type (MOVED)"],
    ["about nothing", '{"type":"ADDED"}\n', "an object that is no object"],
    [
      "about something without a name",
      '{"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}}\n',
      "name",
    ],
    ["without a version", '{"type":"ADDED","object":{"metadata":{"name":"b"}}}\n', "resourceVersion"],
    ["a bookmark without a version", '{"type":"BOOKMARK","object":{"metadata":{}}}\n', "a bookmark"],
  ])(
    "breaks off a watch with a line that is %s, and applies what came before it",
    async (_, bad, message) => {
      await using rig = await follow(
        {},
        send(initialEnd("5"), line("ADDED", "a", "6"), bad, line("ADDED", "unseen", "7")),
        send(line("ADDED", "b", "8")),
      );
      await expect.poll(rig.names, patient).toEqual(["a", "b"]);
      expect(rig.failures()).toMatchObject([{
        reason: "protocol",
        code: "protocol-violation",
        message: expect.stringContaining(message) as unknown,
      }]);
      expect(rig.asked()[1]).toMatchObject({ resourceVersion: "6" });
    },
  );

  test("takes 10 MB of annotations on a Service, and refuses more than it was told to", async () => {
    const large = { metadata: { ...metadata("a"), annotations: { note: "é".repeat(5_000_000) } } };
    await using rig = await follow(
      {},
      noWatchList,
      page("5", undefined, large),
      send(line("ADDED", "b", "6", large)),
    );
    await expect.poll(() => rig.reflector.state.events, patient).toBe(1);
    expect(rig.names()).toEqual(["a"]);
    await using strict = await follow(
      { maxObjectBytes: 1_000_000 },
      noWatchList,
      page("5", undefined, large),
    );
    await expect.poll(() => strict.failures().length, patient).toBeGreaterThan(0);
    expect(strict.failures()[0]).toMatchObject({
      reason: "protocol",
      message: expect.stringContaining("more than 1000000 bytes (maxObjectBytes)") as unknown,
    });
  });

  test("takes all objects at once from a server that ignores the size of pages", async () => {
    const many = Array.from({ length: 3_000 }, (_, index) => item(`s${index}`, "1"));
    await using rig = await follow({ pageSize: 10 }, noWatchList, page("5", undefined, ...many), send());
    await expect.poll(() => rig.reflector.objects.size, patient).toBe(3_000);
  });

  test("an HTML page of something in between is no API server", async () => {
    await using rig = await follow(
      {},
      noWatchList,
      sendAll("<html>login</html>"),
      page("5", undefined),
      send(),
    );
    await expect.poll(() => rig.reflector.state.isSynced, patient).toBe(true);
    expect(rig.failures()[0]?.reason).toBe("protocol");
  });

  test("reads again at once when it is asked to, also while it waits", async () => {
    await using rig = await follow(
      { maxRetryMs: 60_000 },
      sendAll(line("ADDED", "a", "1"), initialEnd("5")),
      refuse(429, "busy", { "retry-after": "60" }),
      send(line("ADDED", "b", "1"), initialEnd("6")),
    );
    await expect.poll(() => rig.reflector.state.phase, patient).toBe("waiting");
    rig.reflector.readAgain();
    await expect.poll(rig.names, patient).toEqual(["b"]);
    expect(rig.events.findLast(({ type }) => type === "read-started")).toEqual({
      type: "read-started",
      why: "asked",
    });
  });

  test("says why there is nothing yet when waiting for the first read is given up", async () => {
    await using rig = await follow({}, refuse(403, "services is forbidden"));
    await expect.poll(() => rig.failures().length, patient).toBeGreaterThan(0);
    await expect(rig.reflector.synced(AbortSignal.timeout(1))).rejects.toMatchObject({
      code: "registry-unavailable",
      message: expect.stringContaining("services is forbidden") as unknown,
    });
  });
});

function metadata(name: string) {
  return { namespace: "ns", name, uid: name, resourceVersion: "6" };
}
