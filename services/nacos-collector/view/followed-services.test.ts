import { expect, test } from "vitest";
import { WorkSignal } from "../../../shared/collector/work-signal.ts";
import type { NacosNaming, ServiceName } from "../../../shared/nacos/nacos.ts";
import { decodeInstances } from "../../../shared/nacos/wire/service-info.ts";
import { usualBeliefTimes } from "./belief.ts";
import type { HeardBy } from "./belief.ts";
import { FollowedServices } from "./followed-services.ts";
import { Settling } from "./settling.ts";

const minuteMs = 60_000;
const by: HeardBy = { number: 1, server: "a", sameServer: true, sinceMs: 0, breaksAtRestart: true };
const nothing = () => undefined;
const unused = () => Promise.reject(new TypeError("not of use here"));

/** Followed services, with what they asked for and told. */
class Following {
  readonly subscribed = new Set<string>();
  readonly forgotten: string[] = [];
  readonly services: FollowedServices;
  /** Names of services that another replica reads. */
  readonly others = new Set<string>();

  constructor() {
    const naming: NacosNaming = {
      namespace: "public",
      mode: "watching",
      connection: by,
      lastError: undefined,
      onEvent: () => nothing,
      watchServices: () => nothing,
      subscribe: ({ name }) => void this.subscribed.add(name),
      unsubscribe: ({ name }) => void this.subscribed.delete(name),
      listServices: unused,
      query: unused,
      connected: unused,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    this.services = new FollowedServices(
      {
        naming,
        times: usualBeliefTimes,
        keepsHealth: true,
        wants: () => true,
        keeps: ({ name }) => !this.others.has(name),
        listener: {
          believed: nothing,
          forgotten: ({ name }) => void this.forgotten.push(name),
          released: nothing,
          unread: nothing,
          readBegan: nothing,
          readEnded: nothing,
          progressed: nothing,
          refused: nothing,
          requested: nothing,
        },
      },
      new Settling(usualBeliefTimes),
      new WorkSignal(),
    );
  }

  listed(atMs: number, ...names: readonly string[]): void {
    this.services.listed(names.map(serviceOf), atMs);
  }

  heard(atMs: number, name: string, ...addresses: readonly string[]): void {
    const { instances } = decodeInstances(addresses.map((ip) => ({ ip, port: 80 })));
    const service = serviceOf(name);
    this.services.heard(
      {
        service,
        instances,
        invalid: [],
        protected: false,
        connection: by.number,
        server: by.server,
        serverTimeMs: 0,
        origin: "push",
      },
      by,
      atMs,
    );
  }
}

function serviceOf(name: string): ServiceName {
  return { group: "g", name };
}

test("a service that no list has any more is given up ten minutes after its last instance went", () => {
  const on = new Following();
  on.listed(0, "orders", "users");
  for (const name of ["orders", "users"]) on.heard(1, name, "10.0.0.1");
  on.listed(minuteMs, "users");
  on.services.tidy(60 * minuteMs);
  expect([...on.subscribed]).toEqual(["orders", "users"]);
  on.heard(60 * minuteMs, "orders");
  on.heard(60 * minuteMs, "users");
  on.services.tidy(70 * minuteMs - 1);
  expect(on.forgotten).toEqual([]);
  on.services.tidy(70 * minuteMs);
  expect(on.forgotten).toEqual(["orders"]);
  expect([...on.subscribed]).toEqual(["users"]);
});

test("and ten minutes after a list had it last: one list that lacks it means nothing", () => {
  const on = new Following();
  on.listed(0, "orders");
  on.heard(1, "orders");
  on.listed(60 * minuteMs);
  on.services.tidy(60 * minuteMs);
  on.listed(61 * minuteMs, "orders");
  on.services.unlisted(serviceOf("orders"), 65 * minuteMs);
  on.services.tidy(74 * minuteMs);
  expect([...on.subscribed]).toEqual(["orders"]);
  on.services.tidy(75 * minuteMs);
  expect(on.forgotten).toEqual(["orders"]);
});

test("a service of another replica is given up, too, whatever it had when that began to read it", () => {
  const on = new Following();
  on.others.add("orders");
  on.listed(0, "orders");
  on.heard(1, "orders", "10.0.0.1");
  expect([...on.subscribed]).toEqual([]);
  expect(on.services.byKey.size).toBe(1);
  on.listed(minuteMs);
  on.services.tidy(11 * minuteMs - 1);
  expect(on.services.byKey.size).toBe(1);
  on.services.tidy(11 * minuteMs);
  expect(on.services.byKey.size).toBe(0);
});
