import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EurekaRegistry } from "../../../shared/simulators/eureka/registry.ts";
import { ApplicationSplitter } from "../client/application-splitter.ts";
import type { EurekaApplication, EurekaInstance } from "../client/decode.ts";
import { decodeApplication, decodeFrame } from "../client/decode.ts";
import { hashOf, RegistryView } from "./registry-view.ts";
import { threadCpuMs } from "../../../shared/runtime/cpu-time-rig.ts";

function instance(id: string, fields: Partial<EurekaInstance> = {}): EurekaInstance {
  return {
    id,
    status: "UP",
    address: "10.0.0.1",
    port: 8080,
    isPortOn: true,
    securePort: 0,
    zone: "",
    metadata: {},
    lastUpdatedMs: 1000,
    lastDirtyMs: 0,
    action: undefined,
    defect: undefined,
    ...fields,
  };
}

const app = (name: string, ...instances: EurekaInstance[]): EurekaApplication => ({ name, instances });
const changed = (id: string, action: string | undefined, fields: Partial<EurekaInstance> = {}) =>
  instance(id, { action, lastUpdatedMs: 2000, ...fields });

function viewOf(...applications: EurekaApplication[]): RegistryView {
  const view = new RegistryView();
  view.replace(applications);
  return view;
}

/** A view as plain data: what conversion sees of each instance. */
function contentOf(view: RegistryView): unknown {
  return new Map(Array.from(view.applications, ([name, instances]) => [
    name,
    new Map(Array.from(instances, ([id, { status, metadata }]) => [id, { status, metadata }])),
  ]));
}

describe("RegistryView.replace()", () => {
  test("names the applications that are new, gone or different", () => {
    const view = viewOf(app("SAME", instance("1")), app("GONE", instance("1")), app("OTHER", instance("1")));
    const differing = view.replace([
      app("OTHER", instance("1", { address: "10.0.0.2" })),
      app("NEW", instance("1")),
      app("SAME", instance("1", { lastUpdatedMs: 5000 })),
    ]);
    expect(differing).toEqual(new Set(["OTHER", "NEW", "GONE"]));
  });

  test.each<[what: string, fields: Partial<EurekaInstance>, differs: boolean]>([
    ["another address", { address: "10.0.0.9" }, true],
    ["another port", { port: 9090 }, true],
    ["another status", { status: "DOWN" }, true],
    ["a defect", { defect: "x" }, true],
    ["metadata", { metadata: { a: "1" } }, true],
    ["a port that is switched off", { isPortOn: false }, true],
    ["a secure port", { securePort: 8443 }, true],
    ["a zone", { zone: "us-west-2b" }, true],
    ["another registration", { lastDirtyMs: 1 }, true],
    ["another time", { lastUpdatedMs: 3000 }, false],
    ["an action", { action: "ADDED" }, false],
  ])("notices %s: $2", (_what, fields, differs) => {
    const view = viewOf(app("A", instance("1")));
    expect(view.replace([app("A", instance("1", fields))]).size).toBe(differs ? 1 : 0);
  });

  test("sees metadata that lost a key, gained one, or has another of the same number", () => {
    const view = viewOf(app("A", instance("1", { metadata: { a: "1", b: "2" } })));
    for (const metadata of [{ a: "1" }, { a: "1", b: "2" }, { a: "1", c: "2" }]) {
      expect(view.replace([app("A", instance("1", { metadata }))]).size).toBe(1);
    }
  });

  test("doesn't keep applications without instances", () => {
    expect(viewOf(app("A")).applications.size).toBe(0);
    expect(viewOf(app("A", instance("1"))).replace([app("A")])).toEqual(new Set(["A"]));
  });

  test("joins an application that is listed twice", () => {
    const view = viewOf(app("A", instance("1")), app("A", instance("2", { status: "DOWN" })));
    expect([...view.applications.get("A")?.keys() ?? []]).toEqual(["1", "2"]);
    expect(view.hash()).toBe("DOWN_1_UP_1_");
  });

  test("counts an instance that is listed twice as its server does, and agrees with deltas about the others", () => {
    const list = [app("A", instance("1"), instance("1", { status: "DOWN" })), app("B", instance("2"))];
    const view = viewOf(...list);
    expect(view.hash()).toBe("DOWN_1_UP_2_");
    expect(view.hash()).toBe(hashOf(list));
    view.apply([app("B", changed("3", "ADDED"))]);
    expect(view.hash()).toBe("DOWN_1_UP_3_");
    expect([...view.applications.get("A")?.values() ?? []].map(({ status }) => status)).toEqual(["DOWN"]);
    view.replace([app("A", instance("1"))]);
    expect(view.hash()).toBe("UP_1_");
  });

  test("takes names that differ in case for one, in deltas too", () => {
    const view = viewOf(app("orders", instance("1")), app("Orders", instance("2")));
    expect([...view.applications.keys()]).toEqual(["orders"]);
    expect(view.apply([app("ORDERS", changed("1", "DELETED"), changed("3", "ADDED"))])).toEqual(
      new Set(["orders"]),
    );
    expect([...view.applications.get("orders")?.keys() ?? []]).toEqual(["2", "3"]);
    expect(view.hash()).toBe("UP_2_");
  });
});

describe("RegistryView.apply()", () => {
  test.each([["ADDED"], ["MODIFIED"], [undefined]])("puts what is %s, known or not", (action) => {
    const view = viewOf(app("A", instance("1")));
    const delta = [app("A", changed("1", action, { status: "DOWN" })), app("B", changed("2", action))];
    expect(view.apply(delta)).toEqual(new Set(["A", "B"]));
    expect(view.hash()).toBe("DOWN_1_UP_1_");
    expect(view.applications.get("A")?.get("1")).toMatchObject({ status: "DOWN" });
  });

  test("changes nothing when the same entries come again", () => {
    const view = viewOf(app("A", instance("1"), instance("2")));
    const delta = [
      app("A", changed("1", "DELETED"), changed("2", "MODIFIED", { status: "DOWN" })),
      app("B", changed("3", "ADDED")),
    ];
    expect(view.apply(delta).size).toBe(2);
    const after = contentOf(view);
    expect(view.apply(delta)).toEqual(new Set());
    expect(contentOf(view)).toEqual(after);
    expect(view.hash()).toBe("DOWN_1_UP_1_");
  });

  test("removes an application with its last instance", () => {
    const view = viewOf(app("A", instance("1")));
    expect(view.apply([app("A", changed("1", "DELETED"))])).toEqual(new Set(["A"]));
    expect(view.applications.size).toBe(0);
    expect(view.hash()).toBe("");
  });

  test("passes over the end of what it doesn't know", () => {
    const view = viewOf(app("A", instance("1")));
    expect(view.apply([app("A", changed("2", "DELETED")), app("B", changed("1", "DELETED"))])).toEqual(
      new Set(),
    );
    expect(view.hash()).toBe("UP_1_");
  });

  test.each([["MODIFIED"], ["DELETED"]])("ignores what was %s before the complete read", (action) => {
    const view = viewOf(app("A", instance("1", { lastUpdatedMs: 3000 })));
    expect(view.apply([app("A", changed("1", action, { status: "DOWN" }))])).toEqual(new Set());
    expect(view.hash()).toBe("UP_1_");
  });

  test.each([["MODIFIED", "DOWN_1_"], ["DELETED", ""]])(
    "believes what was %s at no known time",
    (action, hash) => {
      const view = viewOf(app("A", instance("1", { lastUpdatedMs: 3000 })));
      view.apply([app("A", changed("1", action, { status: "DOWN", lastUpdatedMs: 0 }))]);
      expect(view.hash()).toBe(hash);
    },
  );

  test("takes the end of a very large application in its stride", () => {
    const instances = Array.from({ length: 50_000 }, (_, index) => instance(`${index}`));
    const view = viewOf(app("A", ...instances));
    const startMs = threadCpuMs();
    view.apply([app("A", ...instances.map(({ id }) => changed(id, "DELETED")))]);
    expect(view.applications.size).toBe(0);
    expect(threadCpuMs() - startMs).toBeLessThan(1000);
  });
});

describe("the hash", () => {
  test.each<[statuses: string[], hash: string]>([
    [[], ""],
    [["UP"], "UP_1_"],
    [["UP", "DOWN", "UP", "OUT_OF_SERVICE", "UP", "DOWN"], "DOWN_2_OUT_OF_SERVICE_1_UP_3_"],
  ])("of %j is %j", (statuses, hash) => {
    const application = app("A", ...statuses.map((status, index) => instance(`${index}`, { status })));
    expect(hashOf([application])).toBe(hash);
    expect(viewOf(application).hash()).toBe(hash);
  });
});

type Step =
  | {
    readonly do: "register";
    readonly app: string;
    readonly id: string;
    readonly status: string;
    readonly version: string;
  }
  | { readonly do: "cancel"; readonly app: string; readonly id: string }
  | { readonly do: "override"; readonly app: string; readonly id: string; readonly status: string }
  | { readonly do: "read"; readonly what: "all" | "delta"; readonly late: boolean }
  | { readonly do: "deliver" };

interface Answer {
  readonly what: "all" | "delta";
  readonly applications: EurekaApplication[];
  readonly hash: string | undefined;
}

/** Takes an answer of the registry the way that it takes over the wire. */
function read(registry: EurekaRegistry, what: Answer["what"]): Answer {
  const applications: EurekaApplication[] = [];
  const splitter = new ApplicationSplitter((value) => {
    const application = decodeApplication(value, ({ reason }) => expect.unreachable(reason));
    if (application !== undefined) applications.push(application);
  }, 1e6);
  splitter.write(Buffer.from(JSON.stringify(registry[what]())));
  return { what, applications, ...decodeFrame(splitter.end()) };
}

function deliver(view: RegistryView, answer: Answer | undefined): void {
  if (answer?.what === "all") view.replace(answer.applications);
  else if (answer !== undefined) view.apply(answer.applications);
}

describe("a view that follows a registry", () => {
  const names = { app: fc.constantFrom("A", "B", "C"), id: fc.constantFrom("1", "2", "3") };
  const status = fc.constantFrom("UP", "DOWN", "STARTING", "OUT_OF_SERVICE");
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({
      do: fc.constant("register" as const),
      ...names,
      status,
      version: fc.constantFrom("v1", "v2"),
    }),
    fc.record({ do: fc.constant("cancel" as const), ...names }),
    fc.record({ do: fc.constant("override" as const), ...names, status }),
    fc.record({
      do: fc.constant("read" as const),
      what: fc.constantFrom("all" as const, "delta" as const),
      late: fc.boolean(),
    }),
    fc.record({ do: fc.constant("deliver" as const) }),
  );

  test("ends equal to it, whatever mixture of fresh and stale answers it saw before the last", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.constantFrom("all" as const, "delta" as const),
        (steps, last) => {
          const registry = new EurekaRegistry();
          const view = new RegistryView();
          const late: Answer[] = [];
          for (const now of steps) {
            switch (now.do) {
              case "register":
                registry.register(now.app, {
                  instanceId: now.id,
                  status: now.status,
                  ipAddr: "10.0.0.1",
                  port: { "$": 80 },
                  metadata: { version: now.version },
                });
                break;
              case "cancel":
                registry.cancel(now.app, now.id);
                break;
              case "override":
                registry.override(now.app, now.id, now.status);
                break;
              case "read":
                if (now.late) late.push(read(registry, now.what));
                else deliver(view, read(registry, now.what));
                break;
              case "deliver":
                deliver(view, late.shift());
                break;
            }
          }
          const { hash, ...answer } = read(registry, last);
          deliver(view, { ...answer, hash });
          const truth = viewOf(...read(registry, "all").applications);
          expect(contentOf(view)).toEqual(contentOf(truth));
          expect(view.hash()).toBe(truth.hash());
          expect(view.hash()).toBe(hash);
          expect(view.apply(read(registry, "delta").applications)).toEqual(new Set());
          expect(view.replace(read(registry, "all").applications)).toEqual(new Set());
        },
      ),
      { numRuns: 500 },
    );
  });
});
