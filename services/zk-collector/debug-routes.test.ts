import { expect, it } from "vitest";
import type { RegisteredInterface } from "./debug-routes.ts";
import { registeredInstancesRoutes } from "./debug-routes.ts";

const instance = { interface: "b.B", address: "10.0.0.1", port: 20880, metadata: { application: "p" } };
const all: readonly RegisteredInterface[] = [["b.B", [["b.B:g", [instance]], ["b.B", []]]], ["a.A", []]];
const routes = registeredInstancesRoutes((name) =>
  name === undefined ? all : all.filter(([key]) => key === name)
);

it("shows the instances of all interfaces, sorted", async () => {
  const text = await (await routes.request("/zk?registry_services=true")).text();
  expect(JSON.parse(text)).toEqual({ cache: { "a.A": {}, "b.B": { "b.B": [], "b.B:g": [instance] } } });
  expect(text.indexOf("a.A")).toBeLessThan(text.indexOf("b.B"));
});

it("shows those of one interface a level higher, and null of an unknown one", async () => {
  const one = await (await routes.request("/zk?registry_services=T&interfaceName=b.B")).json();
  expect(one).toEqual({ cache: { "b.B": [], "b.B:g": [instance] } });
  const unknown = await (await routes.request("/zk?registry_services=1&interfaceName=x")).json();
  expect(unknown).toEqual({ cache: null });
});

it("leaves everything else to others", async () => {
  expect((await routes.request("/zk")).status).toBe(404);
  expect((await routes.request("/zk?registry_services=false")).status).toBe(404);
});
