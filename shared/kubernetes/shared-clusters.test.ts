import { describe, expect, onTestFinished, test } from "vitest";
import { SimulatedKubernetes } from "../simulators/kubernetes/server.ts";
import { resources } from "./kubernetes.ts";
import type { KubernetesCluster, ReceivedObject, ReflectorEvent } from "./kubernetes.ts";
import { SharedClusters } from "./shared-clusters.ts";

const patient = { timeout: 30_000, interval: 5 };

/** A server with pods, and clusters that share what they read of it. */
async function start() {
  const server = new SimulatedKubernetes();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const url = await server.listen("127.0.0.1:0");
  const shared = new SharedClusters();
  const text = server.kubeconfig(url);
  const open = () => shared.open({ kind: "text", text }, { name: "east", maxRetryMs: 20, environment: {} });
  const pod = (name: string, labels: Readonly<Record<string, string>>) =>
    void server.set("pods", { metadata: { namespace: "shop", name, labels }, status: { phase: "Running" } });
  return { server, url, open, pod };
}

/** Follows one label of pods; those without it are not wanted. */
function follow(cluster: KubernetesCluster, label: string) {
  const events: ReflectorEvent<string>[] = [];
  const trim = ({ json, name }: ReceivedObject) => {
    const text = JSON.stringify(json["metadata"]);
    if (text.includes(`"bad":"${label}"`)) throw new Error(`${name} is bad`);
    return new RegExp(`"${label}":"(\\w+)"`).exec(text)?.[1];
  };
  const reflector = cluster.reflect({ resource: resources.pods }, {
    trim,
    onEvent: (event) => events.push(event),
  });
  const told = () =>
    events.flatMap((event) =>
      event.type === "set" || event.type === "deleted" ? [`${event.type} ${event.key}`] : []
    );
  return { reflector, events, told, all: () => Object.fromEntries(reflector.objects) };
}

describe("SharedClusters", () => {
  test("read a selection once for all, and each part has its own fields and events", async () => {
    const { server, open, pod } = await start();
    pod("a", { color: "red", size: "small" });
    pod("b", { color: "blue" });
    const [first, second] = [await open(), await open()];
    const [colors, sizes] = [follow(first, "color"), follow(second, "size")];
    await expect.poll(() => [colors.all(), sizes.all()], patient).toEqual([
      { "shop/a": "red", "shop/b": "blue" },
      { "shop/a": "small" },
    ]);
    await expect.poll(() => server.watchers("pods").length, patient).toBe(1);
    pod("a", { color: "red", size: "large" });
    pod("b", { color: "green" });
    await expect.poll(() => [colors.told(), sizes.told()], patient).toEqual([["set shop/b"], ["set shop/a"]]);
    expect([colors.reflector.state, sizes.reflector.state]).toMatchObject([
      { events: 2, unchanged: 1 },
      { events: 2, unchanged: 1 },
    ]);
    server.delete("pods", { namespace: "shop", name: "a" });
    await expect.poll(() => [colors.all(), sizes.all()], patient).toEqual([{ "shop/b": "green" }, {}]);
    for (const cluster of [first, second]) await cluster[Symbol.asyncDispose]();
    await expect.poll(() => server.watchers().length, patient).toBe(0);
  });

  test("who joins later reads everything, and takes nothing from the others", async () => {
    const { open, pod, server } = await start();
    for (let index = 0; index < 50; index++) pod(`p${index}`, { color: "red", size: "small" });
    await using first = await open();
    await using second = await open();
    const colors = follow(first, "color");
    await colors.reflector.synced(AbortSignal.timeout(30_000));
    const sizes = follow(second, "size");
    pod("new", { color: "red", size: "small" });
    await sizes.reflector.synced(AbortSignal.timeout(30_000));
    await expect.poll(() => [Object.keys(colors.all()).length, Object.keys(sizes.all()).length], patient)
      .toEqual([51, 51]);
    const lost = colors.events.flatMap((event) => event.type === "read-ended" ? [event.lost.size] : []);
    expect(new Set(lost)).toEqual(new Set([0]));
    // The first one leaves: the other one goes on, through the same watch.
    const opened = server.requests.watchList;
    await first[Symbol.asyncDispose]();
    pod("p1", { size: "large" });
    await expect.poll(() => sizes.all()["shop/p1"], patient).toBe("large");
    expect(server.requests.watchList).toBe(opened);
    expect(colors.all()["shop/p1"]).toBe("red");
  });

  test("an object that one part can't use is invalid for that one, which keeps what it had", async () => {
    const { open, pod, server, url } = await start();
    pod("a", { color: "red", size: "small" });
    await using cluster = await open();
    const [colors, sizes] = [follow(cluster, "color"), follow(cluster, "size")];
    await expect.poll(() => [colors.all(), sizes.all()], patient).toEqual([
      { "shop/a": "red" },
      { "shop/a": "small" },
    ]);
    pod("a", { color: "blue", size: "large", bad: "color" });
    await expect.poll(() => sizes.all(), patient).toEqual({ "shop/a": "large" });
    expect([colors.all(), colors.events.some(({ type }) => type === "invalid")]).toEqual([
      { "shop/a": "red" },
      true,
    ]);
    // A complete read finds the same.
    await server.stop();
    server.compact();
    await server.listen(new URL(url).host);
    await expect.poll(() => sizes.reflector.state.reads, patient).toBeGreaterThan(1);
    pod("b", { size: "tiny" });
    await expect.poll(() => sizes.all(), patient).toEqual({ "shop/a": "large", "shop/b": "tiny" });
    expect(colors.all()).toEqual({ "shop/a": "red" });
    expect(sizes.events.some(({ type }) => type === "invalid")).toBe(false);
  });
});
