import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { EurekaClient } from "../../services/eureka-collector/client/client.ts";
import { EurekaCluster } from "../../services/eureka-collector/view/cluster.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import type { EurekaInstance, EurekaWriter } from "../servers/eureka-client.ts";

/** A running Eureka server that nobody else uses. It shows changes at once. */
export interface SuiteServer extends AsyncDisposable {
  /** Base address, ending in `/eureka`. */
  readonly url: string;
  readonly writer: EurekaWriter;
}

/**
 * How a Eureka server behaves, as far as we rely on it. The simulator of the demo and of our tests passes this suite,
 * and so does a real server: what is tested against the one holds for the other.
 */
export function eurekaSuite(name: string, start: () => Promise<SuiteServer>): void {
  describe(name, () => {
    let server: SuiteServer;
    const registered = new Set<string>();

    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server[Symbol.asyncDispose]());
    afterEach(async () => {
      for (const path of registered) await server.writer.request("DELETE", path);
      registered.clear();
    });

    const read = async (path: string, accept = "application/json"): Promise<unknown> =>
      await (await fetch(`${server.url}${path}`, { headers: { accept } })).json();
    const statusOf = async (method: string, path: string) => {
      const response = await server.writer.request(method, path);
      await response.body?.cancel();
      return response.status;
    };
    const register = async (instanceId: string, fields: Partial<EurekaInstance> = {}) => {
      registered.add(`/apps/ORDERS/${instanceId}`);
      await server.writer.register({ app: "orders", instanceId, ipAddr: "10.1.0.1", port: 8080, ...fields });
    };
    /** An answer in which nothing but one application's instances stands. */
    const answer = (hash: string, ...instances: object[]) => ({
      applications: {
        apps__hashcode: hash,
        application: instances.length === 0 ? [] : [{ name: "ORDERS", instance: instances }],
      },
    });
    const changes = async (instanceId: string): Promise<unknown[]> => {
      const found: unknown[] = [];
      JSON.stringify(await read("/apps/delta"), (_key, value: unknown) => {
        if (isRecord(value) && value["instanceId"] === instanceId) found.push(value);
        return value;
      });
      return found;
    };

    test("is empty in the beginning", async () => {
      const empty = { applications: { versions__delta: "1", apps__hashcode: "", application: [] } };
      expect(await read("/apps")).toEqual(empty);
      expect(await read("/apps/delta")).toMatchObject(answer(""));
    });

    test("answers XML unless it is asked for JSON", async () => {
      const response = await fetch(`${server.url}/apps`);
      expect(response.headers.get("content-type")).toContain("xml");
      expect(await response.text()).toMatch(/^</);
    });

    test("shows what is registered, under its name in upper case", async () => {
      await register("register-1", { metadata: { zone: "a" } });
      const instance = {
        instanceId: "register-1",
        app: "ORDERS",
        ipAddr: "10.1.0.1",
        status: "UP",
        overriddenStatus: "UNKNOWN",
        port: { "$": 8080, "@enabled": "true" },
        metadata: { zone: "a" },
        lastUpdatedTimestamp: expect.stringMatching(/^[0-9]{13}$/),
      };
      expect(await read("/apps")).toMatchObject(answer("UP_1_", instance));
      expect(await read("/apps/orders")).toMatchObject({
        application: { name: "ORDERS", instance: [instance] },
      });
      expect(await changes("register-1")).toMatchObject([{ ...instance, actionType: "ADDED" }]);
    });

    test("counts instances by status, in the order of the names", async () => {
      await register("hash-1");
      await register("hash-2", { status: "STARTING" });
      await register("hash-3", { status: "DOWN" });
      await register("hash-4");
      expect(await read("/apps")).toMatchObject({
        applications: { apps__hashcode: "DOWN_1_STARTING_1_UP_2_" },
      });
      expect(await read("/apps/delta")).toMatchObject({
        applications: { apps__hashcode: "DOWN_1_STARTING_1_UP_2_" },
      });
    });

    test("shows a new registration as ADDED, with its present content, once", async () => {
      await register("again-1", { metadata: { version: "v1" } });
      await register("again-1", { metadata: { version: "v2" }, status: "DOWN" });
      expect(await changes("again-1")).toMatchObject([{
        metadata: { version: "v2" },
        status: "DOWN",
        actionType: "ADDED",
      }]);
      await server.writer.setMetadata("ORDERS", "again-1", { zone: "b" });
      expect(await changes("again-1")).toMatchObject([{
        metadata: { version: "v2", zone: "b" },
        actionType: "ADDED",
      }]);
    });

    test("doesn't believe an instance that goes OUT_OF_SERVICE by itself", async () => {
      await register("own-1");
      await register("own-1", { status: "OUT_OF_SERVICE" });
      expect(await read("/apps")).toMatchObject(answer("UP_1_", { status: "UP" }));
      await register("own-1", { status: "DOWN" });
      expect(await read("/apps")).toMatchObject(answer("DOWN_1_", { status: "DOWN" }));
    });

    test("overrides a status until the override is taken away", async () => {
      await register("override-1");
      await server.writer.setStatus("ORDERS", "override-1", "OUT_OF_SERVICE");
      const overridden = { status: "OUT_OF_SERVICE", overriddenStatus: "OUT_OF_SERVICE" };
      expect(await changes("override-1")).toMatchObject([{ ...overridden, actionType: "MODIFIED" }]);
      expect(await read("/apps")).toMatchObject(answer("OUT_OF_SERVICE_1_", overridden));
      await register("override-1", { status: "UP" });
      expect(await read("/apps")).toMatchObject(answer("OUT_OF_SERVICE_1_", { status: "OUT_OF_SERVICE" }));
      await server.writer.removeStatus("ORDERS", "override-1", "UP");
      expect(await read("/apps")).toMatchObject(answer("UP_1_", { status: "UP" }));
      expect(await changes("override-1")).toMatchObject([{ status: "UP", actionType: "MODIFIED" }]);
    });

    test("tells what was cancelled, and doesn't list it", async () => {
      await register("cancel-1");
      await server.writer.cancel("ORDERS", "cancel-1");
      expect(await read("/apps")).toMatchObject(answer(""));
      expect(await changes("cancel-1")).toMatchObject([{ actionType: "DELETED" }]);
      expect(await statusOf("GET", "/apps/ORDERS")).toBe(404);
      await register("cancel-1");
      expect(await changes("cancel-1")).toMatchObject([{ actionType: "ADDED" }]);
    });

    test("gives each change a later time", async () => {
      await register("time-1");
      const times: number[] = [];
      const look = async () => {
        for (const change of await changes("time-1")) {
          if (isRecord(change)) times.push(Number(change["lastUpdatedTimestamp"]));
        }
        // A real server's clock has milliseconds, and two changes may fall into one.
        await delay(2);
      };
      await look();
      await server.writer.setStatus("ORDERS", "time-1", "DOWN");
      await look();
      await register("time-1");
      await look();
      await server.writer.cancel("ORDERS", "time-1");
      await look();
      expect(times).toHaveLength(4);
      expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
    });

    test("takes heartbeats of whom it knows", async () => {
      await register("beat-1");
      expect(await statusOf("PUT", "/apps/ORDERS/beat-1")).toBe(200);
    });

    test.each([
      ["PUT", "/apps/ORDERS/unknown"],
      ["DELETE", "/apps/ORDERS/unknown"],
      ["PUT", "/apps/ORDERS/unknown/status?value=DOWN"],
      ["DELETE", "/apps/ORDERS/unknown/status?value=UP"],
      ["GET", "/apps/UNKNOWN"],
    ])("answers 404 to %s %s", async (method, path) => {
      expect(await statusOf(method, path)).toBe(404);
    });

    test("is followed by a collector's view through deltas alone", async () => {
      const log = createLogger("test");
      log.level = "silent";
      const requested = () => {};
      const options = {
        addresses: [server.url],
        requestTimeoutMs: 30_000,
        maxResponseBytes: 1e9,
        log,
        requested,
      };
      const follower = new EurekaCluster("", new EurekaClient(options), log);
      const { signal } = new AbortController();
      await follower.update(true, signal);
      for (const [turn, change] of walk(server.writer, register).entries()) {
        await change();
        const update = await follower.update(false, signal);
        expect(update, `turn ${turn}`).toMatchObject({ succeeded: true, compared: new Set() });
        const fresh = new EurekaCluster("", new EurekaClient(options), log);
        await fresh.update(true, signal);
        expect(contentOf(follower), `turn ${turn}`).toEqual(contentOf(fresh));
        expect(follower.view.hash()).toBe(fresh.view.hash());
      }
      expect(follower.view.applications.size).toBe(0);
    });
  });
}

/** A life of three instances, with a bit of everything. Ends as it begins: with nothing. */
function walk(
  writer: EurekaWriter,
  register: (instanceId: string, fields?: Partial<EurekaInstance>) => Promise<void>,
): (() => Promise<void>)[] {
  return [
    () => register("walk-1"),
    () => register("walk-2", { status: "STARTING" }),
    () => register("walk-2", { status: "UP", metadata: { version: "v1" } }),
    () => writer.setStatus("ORDERS", "walk-1", "OUT_OF_SERVICE"),
    () => writer.setMetadata("ORDERS", "walk-2", { version: "v2" }),
    () => writer.cancel("ORDERS", "walk-2"),
    () => writer.removeStatus("ORDERS", "walk-1", "UP"),
    () => register("walk-3", { ipAddr: "10.1.0.3", port: 9090 }),
    () => register("walk-2", { status: "DOWN" }),
    () => writer.heartbeat("ORDERS", "walk-1"),
    () => writer.cancel("ORDERS", "walk-1"),
    () => register("walk-3", { ipAddr: "10.1.0.4", port: 9090 }),
    () => writer.cancel("ORDERS", "walk-2"),
    () => writer.cancel("ORDERS", "walk-3"),
  ];
}

function contentOf({ view }: EurekaCluster): unknown {
  return Array.from(view.applications, ([name, instances]) => [
    name,
    Array.from(
      instances.values(),
      ({ id, status, address, port, metadata }) => ({ id, status, address, port, metadata }),
    )
      .toSorted((a, b) => a.id < b.id ? -1 : 1),
  ]);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
