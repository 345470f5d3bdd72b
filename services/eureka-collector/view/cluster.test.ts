import { describe, expect, test, vi } from "vitest";
import type { ClusterUpdate } from "./cluster.ts";
import { EurekaCluster } from "./cluster.ts";
import type { StartedServer } from "../eureka-rig.ts";
import { clientOf, eventually, json, silentLog, startServer, status, up } from "../eureka-rig.ts";

const { signal } = new AbortController();

/** What a round brought, as plain data. */
function brought({ succeeded, named, compared }: ClusterUpdate) {
  return { succeeded, named: [...named].sort(), compared: [...compared].sort() };
}

const nothing = { succeeded: true, named: [], compared: [] };
const failed = { succeeded: false, named: [], compared: [] };

interface Followed extends StartedServer {
  readonly cluster: EurekaCluster;
  readonly round: (complete?: boolean) => Promise<ReturnType<typeof brought>>;
  /** Requests for everything and for changes, since the last call. */
  readonly requests: () => { readonly all: number; readonly delta: number };
}

/** A cluster of one server with instances 1 and 2 of A, and 3 of B; read once. */
async function follow(...others: readonly StartedServer[]): Promise<Followed> {
  const started = await startServer();
  const { registry } = started.server;
  registry.register("A", up("1"));
  registry.register("A", up("2"));
  registry.register("B", up("3"));
  const client = clientOf([started.url, ...others.map(({ url }) => url)], { requestTimeoutMs: 500 });
  const cluster = new EurekaCluster("one", client, silentLog);
  // A complete read that runs beside the rounds is waited for, and taken over.
  const round = async (complete = false) => {
    const first = brought(await cluster.update(complete, signal));
    if (cluster.readBeside === "none") return first;
    await vi.waitFor(() => expect(cluster.readBeside).toBe("finished"));
    const second = brought(await cluster.update(false, signal));
    return { ...second, named: [...new Set([...first.named, ...second.named])].sort() };
  };
  expect(await round()).toEqual({ succeeded: true, named: [], compared: ["A", "B"] });
  const { requests } = started.server;
  return {
    ...started,
    cluster,
    round,
    requests: () => {
      const counts = { all: requests.get("/apps") ?? 0, delta: requests.get("/apps/delta") ?? 0 };
      requests.clear();
      return counts;
    },
  };
}

describe("EurekaCluster", () => {
  test("reads everything once, then what changed", async () => {
    const { server: { registry }, cluster, round, requests } = await follow();
    expect(requests()).toEqual({ all: 1, delta: 0 });
    expect(await round()).toEqual(nothing);
    registry.cancel("B", "3");
    registry.register("A", up("1", { metadata: { version: "v2" } }));
    expect(await round()).toEqual({ succeeded: true, named: ["A", "B"], compared: [] });
    expect(await round()).toEqual(nothing);
    expect(requests()).toEqual({ all: 0, delta: 3 });
    expect(cluster.view.hash()).toBe("UP_2_");
  });

  test("asks for changes also before a complete read, since what they name is certain", async () => {
    const { server: { registry }, round, requests } = await follow();
    requests();
    registry.cancel("B", "3");
    expect(await round(true)).toEqual({ succeeded: true, named: ["B"], compared: [] });
    // One with the request, and one before and after the answer is taken over: see the two tests below.
    expect(requests()).toEqual({ all: 1, delta: 3 });
  });

  test("goes on with changes while everything is read, and doesn't let that undo them", async () => {
    const { server, cluster } = await follow();
    const { registry } = server;
    const old = JSON.stringify(registry.all());
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const slow = new ReadableStream({
      async pull(controller) {
        await released;
        controller.enqueue(new TextEncoder().encode(old));
        controller.close();
      },
    });
    server.fault = (path) => path === "/apps" ? new Response(slow) : undefined;
    const round = async (complete: boolean) => brought(await cluster.update(complete, signal));
    expect(await round(true)).toEqual(nothing);
    registry.cancel("B", "3");
    registry.register("A", up("1", { metadata: { version: "v2" } }));
    registry.register("C", up("4"));
    expect(await round(true)).toMatchObject({ named: ["A", "B", "C"] });
    expect(cluster.readBeside).toBe("running");
    release();
    await vi.waitFor(() => expect(cluster.readBeside).toBe("finished"));
    const names = () => [...cluster.view.applications.keys()].sort();
    const meanwhile: (readonly string[])[] = [];
    server.fault = (path) => {
      if (path === "/apps/delta") meanwhile.push(names());
      return undefined;
    };
    await round(false);
    // Also while a request is on its way the view is never older than it was: a publish may convert it just then.
    expect(meanwhile).toEqual([["A", "C"], ["A", "C"]]);
    expect(names()).toEqual(["A", "C"]);
    expect(cluster.view.applications.get("A")?.get("1")?.metadata).toEqual({ version: "v2" });
    expect(cluster.readBeside).toBe("none");
  });

  test("takes what was deregistered while everything was read for named, not for missing", async () => {
    const { server: { registry }, cluster } = await follow();
    const round = async (complete: boolean) => brought(await cluster.update(complete, signal));
    expect(await round(true)).toEqual(nothing);
    registry.cancel("B", "3");
    await vi.waitFor(() => expect(cluster.readBeside).toBe("finished"));
    expect(await round(false)).toMatchObject({ named: ["B"] });
  });

  test("reads everything when the hash differs", async () => {
    const { server: { registry }, round, requests } = await follow();
    requests();
    registry.clear();
    registry.register("A", up("1"));
    expect(await round()).toEqual({ succeeded: true, named: [], compared: ["A", "B"] });
    expect(requests()).toEqual({ all: 1, delta: 1 });
    expect(await round()).toEqual(nothing);
  });

  test("tells what a delta named even if the complete read after it fails", async () => {
    const { server, cluster, round } = await follow();
    server.registry.cancel("B", "3");
    server.fault = (path) => path === "/apps" ? status(500) : undefined;
    expect(await round(true)).toEqual({ ...failed, named: ["B"] });
    expect(cluster.lastError).toContain("HTTP 500");
  });

  test.each([[403], [404], [500]])(
    "reads completely only, for a while, if deltas answer %d",
    async (code) => {
      const { server, round, requests } = await follow();
      requests();
      server.fault = (path) => path === "/apps/delta" ? status(code) : undefined;
      for (let turn = 0; turn < 3; turn++) expect(await round()).toEqual(nothing);
      expect(requests()).toEqual({ all: 3, delta: 3 });
      server.registry.cancel("B", "3");
      expect(await round()).toEqual(nothing);
      expect(requests()).toEqual({ all: 0, delta: 0 });
      expect(await round(true)).toEqual({ succeeded: true, named: [], compared: ["B"] });
      expect(requests()).toEqual({ all: 1, delta: 0 });
    },
  );

  test("gives deltas up as well if their hash never agrees", async () => {
    const { server, round, requests } = await follow();
    requests();
    server.fault = (path) =>
      path === "/apps/delta" ? json('{"applications":{"apps__hashcode":"UP_9_"}}') : undefined;
    for (let turn = 0; turn < 4; turn++) expect(await round()).toEqual(nothing);
    expect(requests()).toEqual({ all: 3, delta: 3 });
  });

  test("refuses half an answer, and believes it when it comes again and again", async () => {
    const { server, cluster, round } = await follow();
    const half = () => json('{"applications":{"apps__hashcode":"UP_3_","application":[]}}');
    server.fault = (path) => path === "/apps" ? half() : undefined;
    for (let turn = 0; turn < 2; turn++) {
      expect(await round(true)).toEqual(failed);
      expect(cluster.lastError).toMatch(/is incomplete: its hash says "UP_3_" and its list has ""/);
      expect(cluster.view.hash()).toBe("UP_3_");
    }
    expect(await round(true)).toEqual({ succeeded: true, named: [], compared: ["A", "B"] });
    expect(cluster.lastError).toBeUndefined();
  });

  test("forgets half answers after a whole one", async () => {
    const { server, round } = await follow();
    let halves = 0;
    server.fault = (path) =>
      path === "/apps" && halves++ % 3 < 2 ? json('{"applications":{"apps__hashcode":"UP_3_"}}') : undefined;
    const succeeded: boolean[] = [];
    for (let turn = 0; turn < 6; turn++) succeeded.push((await round(true)).succeeded);
    expect(succeeded).toEqual([false, false, true, false, false, true]);
  });

  test.each<[what: string, fault: () => Response | "hang"]>([
    ["500", () => status(500)],
    ["403", () => status(403)],
    ["XML", () => new Response("<applications/>")],
    ["half a document", () => json('{"applications":{"application":[')],
    ["an error in JSON", () => json('{"error":"x"}')],
    ["nothing", () => "hang"],
  ])(
    "keeps its view while the server answers %s, and reads everything when it is back",
    async (_what, fault) => {
      const { server, cluster, round, requests } = await follow();
      server.fault = fault;
      expect(await round()).toEqual(failed);
      expect(cluster.lastError).toBeDefined();
      expect(cluster.view.hash()).toBe("UP_3_");
      server.fault = undefined;
      // Swapped meanwhile, and beyond the delta's reach: the hash can't tell.
      server.registry.clear();
      for (const id of ["1", "2"]) server.registry.register("A", up(id));
      server.registry.register("C", up("3"));
      server.fault = (path) =>
        path === "/apps/delta" ? json('{"applications":{"apps__hashcode":"UP_3_"}}') : undefined;
      requests();
      expect(await round()).toMatchObject({ succeeded: true, compared: ["B", "C"] });
      expect(requests().all).toBe(1);
      expect(cluster.lastError).toBeUndefined();
    },
  );

  test("reads everything from another server, whose times don't compare", async () => {
    const second = await startServer();
    second.server.registry.register("A", up("1", { metadata: { from: "second" } }));
    const first = await follow(second);
    first.server.fault = () => status(500);
    expect(await first.round()).toEqual({ succeeded: true, named: [], compared: ["A", "B"] });
    second.server.registry.cancel("A", "1");
    expect(await first.round()).toEqual({ succeeded: true, named: ["A"], compared: [] });
    expect(second.server.requests.get("/apps")).toBe(1);
  });

  test("shows unusable records as long as they are", async () => {
    const { server, cluster, round } = await follow();
    expect(cluster.invalidRecords.size).toBe(0);
    const answer = (...instance: unknown[]) => () =>
      json(JSON.stringify({ applications: { application: [{ name: "A", instance }] } }));
    server.fault = answer(up("1"), up("1"), 7);
    await round(true);
    await eventually(() => cluster.readBeside).not.toBe("running");
    await round();
    expect(Object.fromEntries(cluster.invalidRecords)).toEqual({
      "A/1": "is listed twice; the last one counts",
      "A[2]": "is a number, not an object",
    });
    server.fault = answer(up("1"));
    await round(true);
    await eventually(() => cluster.readBeside).not.toBe("running");
    await round();
    expect(cluster.invalidRecords.size).toBe(0);
  });

  test("goes on with deltas though an application lists an instance twice, which its server counts twice", async () => {
    const { server, cluster, round, requests } = await follow();
    const answer = (hash: string, ...application: unknown[]) =>
      json(JSON.stringify({ applications: { apps__hashcode: hash, application } }));
    const odd = { name: "ODD", instance: [up("7"), up("7", { ipAddr: "10.0.0.8" })] };
    server.fault = (path) =>
      path === "/apps/delta"
        ? answer("UP_4_", { name: "A", instance: [{ ...up("9"), actionType: "ADDED" }] })
        : answer("UP_3_", odd, { name: "A", instance: [up("1")] });
    await round(true);
    await eventually(() => cluster.readBeside).not.toBe("running");
    await round();
    requests();
    expect(await round()).toEqual({ succeeded: true, named: [], compared: [] });
    expect(requests()).toEqual({ all: 0, delta: 1 });
    expect([...cluster.view.applications.get("A")?.keys() ?? []]).toEqual(["1", "9"]);
    expect([...cluster.invalidRecords.keys()]).toEqual(["ODD/7"]);
  });

  test("is not synced before it was read", async () => {
    const { url } = await startServer(() => status(403));
    const cluster = new EurekaCluster("one", clientOf([url]), silentLog);
    expect(brought(await cluster.update(true, signal))).toEqual(failed);
    expect(cluster.synced).toBe(false);
    expect(cluster.lastSuccessMs).toBeUndefined();
  });

  test("ends a round when told to", async () => {
    const { server, cluster } = await follow();
    server.fault = () => "hang";
    const stop = new AbortController();
    const work = cluster.update(true, stop.signal);
    stop.abort();
    expect(brought(await work)).toEqual(failed);
    expect(cluster.lastError).toBeUndefined();
  });
});
