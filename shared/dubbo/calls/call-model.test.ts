import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CallModel } from "./call-model.ts";
import type { ServiceCalls } from "./call-model.ts";

function calls(
  key: string,
  providers: readonly string[],
  consumers: readonly string[],
  host = key,
): ServiceCalls {
  return { key, host, providers, consumers };
}

function keysOf(model: CallModel, application: string) {
  const found = model.callsOf(application);
  const keys = (services: Iterable<{ readonly key: string }> = []) =>
    Array.from(services, ({ key }) => key).sort();
  return { provides: keys(found?.provides), consumes: keys(found?.consumes) };
}

describe("CallModel", () => {
  it("merges what an application does over all interfaces", () => {
    const model = new CallModel();
    expect(model.update("a.A", [calls("a.A:g", ["shop"], ["web"]), calls("a.A", ["shop"], [])])).toEqual(
      new Set(["shop", "web"]),
    );
    expect(model.update("b.B", [calls("b.B", ["stock"], ["shop", "web"])])).toEqual(
      new Set(["stock", "shop", "web"]),
    );
    expect(keysOf(model, "shop")).toEqual({ provides: ["a.A", "a.A:g"], consumes: ["b.B"] });
    expect(keysOf(model, "web")).toEqual({ provides: [], consumes: ["a.A:g", "b.B"] });
  });

  it("names only the applications that an update changes", () => {
    const model = new CallModel();
    model.update("a.A", [calls("a.A", ["shop"], ["web", "app"])]);
    expect(model.update("a.A", [calls("a.A", ["shop"], ["web", "app"])]).size).toBe(0);
    expect(model.update("a.A", [calls("a.A", ["shop"], ["web"])])).toEqual(new Set(["app"]));
    expect(model.update("a.A", [calls("a.A", ["shop"], ["web"], "another.host")])).toEqual(
      new Set(["shop", "web"]),
    );
  });

  it("forgets applications that do nothing any more, and consumers without a name", () => {
    const model = new CallModel();
    model.update("a.A", [calls("a.A", ["shop"], ["web", ""])]);
    expect(model.callsOf("")).toBeUndefined();
    expect(model.update("a.A", [])).toEqual(new Set(["shop", "web"]));
    expect(model.callsOf("web")).toBeUndefined();
  });

  it("keeps the calls of services that are gone, if so wished, until they are back", () => {
    const model = new CallModel();
    model.update("a.A", [calls("a.A", ["shop"], ["web"]), calls("a.A:g", ["shop"], ["app"])], true);
    expect(model.update("a.A", [calls("a.A", ["shop"], [])], true)).toEqual(new Set(["web"]));
    expect(model.update("a.A", [], true).size).toBe(0);
    expect(keysOf(model, "shop").provides).toEqual(["a.A", "a.A:g"]);
    expect(model.update("a.A", [calls("a.A:g", ["shop"], [])], true)).toEqual(new Set(["app"]));
    expect(keysOf(model, "app").consumes).toEqual([]);
  });

  it("is after any updates what it would be had it only seen the last one of each interface", () => {
    const names = fc.constantFrom("p", "q", "r", "s");
    const services = fc.uniqueArray(
      fc.record({
        key: fc.constantFrom("k", "k:1", "k:2"),
        host: fc.constantFrom("x", "y"),
        providers: fc.array(names, { maxLength: 3 }),
        consumers: fc.array(names, { maxLength: 3 }),
      }),
      { selector: ({ key }) => key },
    );
    const updates = fc.array(fc.tuple(fc.constantFrom("i", "j"), services), { maxLength: 12 });
    fc.assert(fc.property(updates, (steps) => {
      const model = new CallModel();
      for (const [name, found] of steps) model.update(name, found);
      const fresh = new CallModel();
      for (const [name, found] of new Map(steps)) fresh.update(name, found);
      for (const application of ["p", "q", "r", "s"]) {
        expect(keysOf(model, application)).toEqual(keysOf(fresh, application));
        expect(model.callsOf(application) === undefined).toBe(fresh.callsOf(application) === undefined);
      }
    }));
  });
});
