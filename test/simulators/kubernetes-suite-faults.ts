import { expect, test } from "vitest";
import { seededRandom } from "../seeded-random.ts";
import { Follower, servicesOf } from "./kubernetes-suite-context.ts";
import type { SuiteContext } from "./kubernetes-suite-context.ts";

/** Connections that break, servers that restart, silence. */
export function faultTests(suite: SuiteContext): void {
  test("keeps everything while the server can't be reached, and learns by name what was deleted meanwhile", async () => {
    const namespace = await suite.namespace("faults-cut");
    await suite.paint(namespace, "a", "red");
    await suite.paint(namespace, "b", "red");
    const { proxy, port } = await suite.proxy();
    await using _proxy = proxy;
    await using cluster = await suite.open({ port });
    await using follower = await new Follower(cluster, servicesOf(namespace)).synced();
    proxy.closed = true;
    proxy.cut();
    await follower.saw("failed", 3);
    expect(follower.told("failed")[2]?.error.reason).toBe("unreachable");
    await suite.remove(namespace, "a");
    await suite.paint(namespace, "b", "blue");
    expect(follower.colors).toEqual({ "faults-cut/a": "red", "faults-cut/b": "red" });
    expect(follower.reflector.state).toMatchObject({ isSynced: true, error: { reason: "unreachable" } });
    proxy.closed = false;
    await follower.has({ "faults-cut/b": "blue" });
    // By the watch, not by comparing: its version is still known.
    expect(follower.told("deleted").map(({ key }) => key)).toEqual(["faults-cut/a"]);
    expect(follower.reflector.state).toMatchObject({ reads: 1, error: undefined });
  });

  test("reads again when its version is gone: what is missing is lost, not deleted", async () => {
    const namespace = await suite.namespace("faults-gone");
    for (const name of ["a", "b", "c"]) await suite.paint(namespace, name, "red");
    const { proxy, port } = await suite.proxy();
    await using _proxy = proxy;
    await using cluster = await suite.open({ port });
    await using follower = await new Follower(cluster, servicesOf(namespace)).synced();
    proxy.closed = true;
    proxy.cut();
    await suite.remove(namespace, "a");
    await suite.paint(namespace, "b", "blue");
    await suite.server.forgetVersions();
    proxy.closed = false;
    await follower.saw("read-ended", 2);
    await follower.has({ "faults-gone/b": "blue", "faults-gone/c": "red" });
    expect(follower.told("deleted")).toEqual([]);
    expect(follower.told("read-started")[1]?.why).toBe("gone");
    const { set, lost } = follower.told("read-ended")[1] ?? {};
    expect([...(lost?.keys() ?? [])]).toEqual(["faults-gone/a"]);
    expect([...(set?.keys() ?? [])]).toEqual(["faults-gone/b"]);
    await suite.paint(namespace, "c", "green");
    await follower.has({ "faults-gone/b": "blue", "faults-gone/c": "green" });
  });

  test("notices a connection that is silent, and loses nothing", async () => {
    const namespace = await suite.namespace("faults-silent");
    const { proxy, port } = await suite.proxy();
    await using _proxy = proxy;
    await using cluster = await suite.open({ port, silenceMs: 2_000, responseTimeoutMs: 2_000 });
    await using follower = await new Follower(cluster, servicesOf(namespace)).synced();
    // Its watch is open, then.
    await suite.paint(namespace, "z", "red");
    await follower.has({ "faults-silent/z": "red" });
    proxy.swallowAnswers = true;
    proxy.swallowRequests = true;
    await suite.paint(namespace, "a", "red");
    await suite.paint(namespace, "b", "red");
    await suite.remove(namespace, "b");
    await follower.saw("silent");
    expect(follower.colors).toEqual({ "faults-silent/z": "red" });
    proxy.swallowAnswers = false;
    proxy.swallowRequests = false;
    proxy.cut();
    await follower.has({ "faults-silent/a": "red", "faults-silent/z": "red" });
    expect(follower.reflector.state.reads).toBe(1);
  });

  test("ends up with what the server has, whatever happens to its connections meanwhile", async () => {
    const namespace = await suite.namespace("faults-churn");
    const random = seededRandom(11);
    const names = Array.from({ length: 12 }, (_, index) => `s${index}`);
    const expected: Record<string, string> = {};
    const { proxy, port } = await suite.proxy();
    await using _proxy = proxy;
    await using cluster = await suite.open({ port, maxRetryMs: 50, pageSize: 5, watchMs: 1_500 });
    await using follower = new Follower(cluster, servicesOf(namespace));
    for (let step = 0; step < 150; step++) {
      const name = names[Math.floor(random() * names.length)] ?? "";
      if (random() < 0.3) {
        await suite.remove(namespace, name);
        delete expected[`${namespace}/${name}`];
      } else {
        await suite.paint(namespace, name, `color-${step}`);
        expected[`${namespace}/${name}`] = `color-${step}`;
      }
      if (random() < 0.15) proxy.cut();
      if (random() < 0.05) follower.reflector.readAgain();
    }
    await follower.has(expected);
  });
}
