import { describe, expect, test } from "vitest";
import { openCluster } from "../../kubernetes/open-cluster.ts";
import { resources } from "../../kubernetes/kubernetes.ts";
import type { ReflectorEvent } from "../../kubernetes/kubernetes.ts";
import { SimulatedKubernetes } from "./server.ts";

const patient = { timeout: 10_000, interval: 10 };
const service = (name: string, color = "red") => ({ metadata: { namespace: "ns", name, labels: { color } } });

/** A simulator with three Services, and a reflector of their colors. */
async function rig(options: { readonly silenceMs?: number; readonly bookmarkMs?: number } = {}) {
  const server = new SimulatedKubernetes({ bookmarkMs: options.bookmarkMs ?? 60_000 });
  for (const name of ["a", "b", "c"]) server.set("services", service(name));
  const url = await server.listen("127.0.0.1:0");
  const cluster = await openCluster({ kind: "text", text: server.kubeconfig(url) }, {
    name: "east",
    maxRetryMs: 50,
    environment: {},
    ...(options.silenceMs !== undefined && { silenceMs: options.silenceMs }),
  });
  const events: ReflectorEvent<string>[] = [];
  const reflector = cluster.reflect({ resource: resources.services }, {
    trim: ({ json }) => JSON.stringify(Reflect.get(Object(json["metadata"]), "labels")),
    onEvent: (event) => events.push(event),
  });
  await reflector.synced(AbortSignal.timeout(10_000));
  return {
    server,
    url,
    reflector,
    events,
    count: (type: ReflectorEvent<string>["type"]) => events.filter((event) => event.type === type).length,
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe("SimulatedKubernetes", () => {
  test("breaks watches in the middle of an object: the change is told again, whole", async () => {
    await using kube = await rig();
    for (let round = 0; round < 5; round++) {
      kube.server.breakWatches();
      kube.server.set("services", service("a", `color-${round}`));
      await expect.poll(() => kube.reflector.objects.get("ns/a"), patient).toContain(`color-${round}`);
    }
    expect(kube.count("failed")).toBe(5);
    expect(kube.reflector.state.reads).toBe(1);
  });

  test("has watches that are deaf, without an error: silence tells, and nothing is lost", async () => {
    await using kube = await rig({ silenceMs: 300, bookmarkMs: 50 });
    kube.server.set("services", service("a", "blue"));
    await expect.poll(() => kube.count("set"), patient).toBe(1);
    expect(kube.count("silent")).toBe(0);
    kube.server.deafenWatches();
    kube.server.set("services", service("b", "blue"));
    kube.server.delete("services", { namespace: "ns", name: "c" });
    await expect.poll(() => kube.count("silent"), patient).toBe(1);
    await expect.poll(() => kube.reflector.objects.size, patient).toBe(2);
    expect(kube.events.slice(-2).map(({ type }) => type)).toEqual(["set", "deleted"]);
    expect(kube.count("read-started")).toBe(1);
  });

  test("forgets versions in a storm: each time all is read, and what is missing is told as lost", async () => {
    await using kube = await rig();
    for (let round = 0; round < 6; round++) {
      await expect.poll(() => kube.server.watchers().length, patient).toBe(1);
      kube.server.set("services", service("a", `color-${round}`));
      kube.server.compact();
      await expect.poll(() => kube.reflector.state.reads, patient).toBe(round + 2);
    }
    expect(kube.reflector.objects.get("ns/a")).toContain("color-5");
    expect(kube.count("deleted")).toBe(0);
  });

  test("goes back in time, as after a restore: a watch without a word is left for a read", async () => {
    await using kube = await rig({ silenceMs: 300, bookmarkMs: 50 });
    kube.server.set("services", service("d"));
    await expect.poll(() => kube.count("set"), patient).toBe(1);
    kube.server.history.rewind(100);
    kube.server.finishWatches();
    await expect.poll(() => kube.count("read-ended"), patient).toBe(2);
    expect(kube.events.find((event) => event.type === "read-started" && event.why !== "start")).toMatchObject(
      {
        why: "silent",
      },
    );
    kube.server.set("services", service("a", "blue"));
    await expect.poll(() => kube.reflector.objects.get("ns/a"), patient).toContain("blue");
  });

  test("lets page tokens expire while a list is being read: it is read at once, then", async () => {
    const server = new SimulatedKubernetes();
    await using _server = server;
    server.knowsWatchList = false;
    for (let index = 0; index < 20; index++) server.set("services", service(`s${index}`));
    const url = await server.listen("127.0.0.1:0");
    server.fault = ({ query }) => void (query.get("continue") !== null && server.expirePages());
    const options = { name: "east", pageSize: 5, maxRetryMs: 50, environment: {} };
    await using cluster = await openCluster({ kind: "text", text: server.kubeconfig(url) }, options);
    const events: ReflectorEvent<string>[] = [];
    const reflector = cluster.reflect({ resource: resources.services }, {
      trim: ({ name }) => name,
      onEvent: (event) => events.push(event),
    });
    await reflector.synced(AbortSignal.timeout(10_000));
    expect(reflector.objects.size).toBe(20);
    expect(events.map(({ type }) => type)).toEqual(["read-started", "failed", "read-started", "read-ended"]);
    expect(server.requests.list).toBe(3);
  });

  test("answers with a fault that was asked for, and counts", async () => {
    await using kube = await rig();
    const answers = [
      { code: 429, reason: "TooManyRequests", headers: { "retry-after": "0" } },
      { code: 504, reason: "Timeout", headers: {} },
      "drop",
    ] as const;
    let given = 0;
    kube.server.fault = ({ verb }) => (verb === "watch" ? answers[given++] : undefined);
    kube.server.finishWatches();
    await expect.poll(() => kube.server.watchers().length, patient).toBe(1);
    const reasons = kube.events.flatMap((event) => (event.type === "failed" ? [event.error.reason] : []));
    // A kept connection that ends without a response is no failure: another one is tried at once.
    expect(reasons).toEqual(["throttled", "unreachable"]);
    expect(kube.server.requests).toMatchObject({ watchList: 1, watch: 4, list: 0 });
    kube.server.set("services", service("a", "blue"));
    await expect.poll(() => kube.reflector.objects.get("ns/a"), patient).toContain("blue");
  });

  test("rotates tokens: the old one is refused from then on", async () => {
    await using kube = await rig();
    kube.server.tokens.set("new", "reader");
    kube.server.finishWatches();
    await expect.poll(() => kube.reflector.state.error?.reason, patient).toBe("unauthorized");
    expect(kube.reflector.objects.size).toBe(3);
    kube.server.tokens.clear();
    await expect.poll(() => kube.reflector.state.error, patient).toBeUndefined();
  });

  test("listens again where it was, with the versions that it had", async () => {
    await using kube = await rig();
    await kube.server.stop();
    await expect.poll(() => kube.count("failed"), patient).toBeGreaterThan(1);
    kube.server.delete("services", { namespace: "ns", name: "a" });
    await kube.server.listen(kube.url.slice("http://".length));
    await expect.poll(() => kube.count("deleted"), patient).toBe(1);
    expect(kube.reflector.state.reads).toBe(1);
  });

  test("refuses objects in the wrong place", () => {
    const server = new SimulatedKubernetes();
    expect(() => server.set("services", { metadata: { name: "a" } })).toThrow("Service a: has no namespace");
    expect(() => server.set("nodes", { metadata: { name: "a", namespace: "b" } })).toThrow(
      "can't have a namespace",
    );
    expect(server.delete("services", { namespace: "ns", name: "none" })).toBe(false);
  });
});
