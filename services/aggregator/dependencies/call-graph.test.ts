import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CallGraph } from "./call-graph.ts";
import type { GraphService } from "./call-graph.ts";

const service = (name: string, ...providers: readonly string[]): GraphService => ({
  id: `service:shop/${name}`,
  name: `com.acme.${name}`,
  service: `shop/${name}`,
  hosts: [`${name}.host`],
  providers,
});

/** web -> Cart (cart) -> Stock (stock, depot) -> Ledger (books) -> Cart, a circle; nobody calls Idle. */
const graph = new CallGraph(
  [
    service("Cart", "cart"),
    service("Stock", "stock", "depot"),
    service("Ledger", "books"),
    service("Idle", "idle"),
  ],
  [
    { application: "web", hosts: ["Cart.host"] },
    { application: "cart", hosts: ["Stock.host", "Cart.host"] },
    { application: "stock", hosts: ["Ledger.host", "gone.host"] },
    { application: "books", hosts: ["Cart.host"] },
  ],
);

const named = ({ nodes }: ReturnType<CallGraph["reach"]>) =>
  nodes.map(({ id, hop }) => `${id.replace(/^(application|service:shop|host)[:/]/, "")} ${hop}`);

describe("what breaks if something goes", () => {
  test("a service: who calls it, what those provide, and who calls that", () => {
    const id = graph.serviceNamed("com.acme.Ledger") ?? "";
    expect(named(graph.reach(id, "dependants", 1, 100))).toEqual(["Ledger 0", "stock 1", "Stock 1"]);
    expect(named(graph.reach(id, "dependants", 2, 100))).toEqual([
      "Ledger 0",
      "stock 1",
      "Stock 1",
      "cart 2",
      "Cart 2",
    ]);
    const all = graph.reach(id, "dependants", 10, 100);
    expect(named(all).slice(5)).toEqual(["web 3", "books 3"]);
    expect(all.edges).toContainEqual({ from: "application:stock", to: "service:shop/Ledger" });
    expect(all.edges).toContainEqual({ from: "service:shop/Stock", to: "application:stock" });
  });

  test("an application: its services go with it", () => {
    const id = graph.applicationNamed("depot") ?? "";
    const { nodes } = graph.reach(id, "dependants", 1, 100);
    expect(nodes.map(({ name, hop, providers, consumers }) => [name, hop, providers, consumers])).toEqual([
      ["depot", 0, 0, 1],
      ["com.acme.Stock", 0, 2, 1],
      ["cart", 1, 0, 2],
      ["com.acme.Cart", 1, 1, 2],
    ]);
  });
});

test("what something needs, hosts without an entry too", () => {
  const id = graph.applicationNamed("stock") ?? "";
  expect(named(graph.reach(id, "dependencies", 1, 100))).toEqual([
    "stock 0",
    "Ledger 1",
    "gone.host 1",
    "books 1",
  ]);
});

test("the most called come first, and names of all kinds are known", () => {
  expect(graph.mostCalled(2)).toMatchObject({
    nodes: [{ name: "cart", consumers: 2 }, { name: "com.acme.Cart", consumers: 2 }],
    left: 9,
  });
  for (const name of ["com.acme.Cart", "shop/Cart", "Cart", "Cart.host"]) {
    expect(graph.serviceNamed(name), name).toBe("service:shop/Cart");
  }
  expect(graph.serviceNamed("gone.host")).toBe("host:gone.host");
  expect([graph.serviceNamed("x"), graph.applicationNamed("x")]).toEqual([undefined, undefined]);
  expect([graph.applications, graph.callers]).toEqual([6, 4]);
  expect(graph.reach("nothing", "dependants", 3, 10)).toEqual({ nodes: [], edges: [], left: 0 });
});

test("in any graph what depends on B by a path is what needs it, and limits only cut", () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  const pair = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names));
  fc.assert(fc.property(fc.array(pair, { maxLength: 20 }), fc.integer({ min: 1, max: 8 }), (calls, limit) => {
    const any = new CallGraph(
      names.map((name) => service(name, name)),
      names.map((application) => ({
        application,
        hosts: calls.filter(([from]) => from === application).map(([, to]) => `${to}.host`),
      })),
    );
    for (const from of names) {
      const needs = any.reach(`application:${from}`, "dependencies", 10, 100);
      for (const to of names) {
        const dependants = any.reach(`application:${to}`, "dependants", 10, 100);
        expect(dependants.nodes.some(({ name }) => name === from)).toBe(
          needs.nodes.some(({ id }) => id === `application:${to}`),
        );
      }
      const cut = any.reach(`application:${from}`, "dependencies", 10, limit);
      expect(cut.nodes).toEqual(needs.nodes.slice(0, limit));
      expect(cut.nodes.length + cut.left).toBe(needs.nodes.length);
    }
  }));
});
