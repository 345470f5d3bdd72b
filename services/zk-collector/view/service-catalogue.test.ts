import { expect, test } from "vitest";
import { rulesOf } from "../../../shared/dubbo/conversion/conversion-rig.ts";
import { ApplicationRegistry } from "../../../shared/dubbo/applications/application-registry.ts";
import { MetadataResolver } from "../../../shared/dubbo/applications/metadata-resolver.ts";
import { CallModel } from "../../../shared/dubbo/calls/call-model.ts";
import { RegistryTree } from "./registry-tree.ts";
import { interfaceUnit, ServiceCatalogue } from "./service-catalogue.ts";

const orders = "com.acme.Orders";

function nameOf(address: string, application: string, side: "provider" | "consumer"): string {
  const protocol = side === "provider" ? "dubbo" : "consumer";
  return encodeURIComponent(
    `${protocol}://${address}/${orders}?application=${application}&interface=${orders}&side=${side}`,
  );
}

function createCatalogue() {
  const tree = new RegistryTree();
  const calls = new CallModel();
  const changed: string[] = [];
  const { signal } = new AbortController();
  const report = () => {};
  const store = { stored: async () => undefined, defined: async () => [], forget: report };
  const resolver = new MetadataResolver({ store, askInstance: undefined }, { report }, signal);
  const applications = new ApplicationRegistry({
    resolver,
    isAtInterfaceLevel: () => false,
    interfaceChanged: report,
    springChanged: report,
    report,
    solved: report,
  });
  const catalogue = new ServiceCatalogue({
    tree,
    applications,
    calls,
    rules: rulesOf("istio"),
    mock: undefined,
    report,
    callsChanged: (names) => changed.push(...names),
  });
  return { tree, calls, changed, catalogue };
}

test("a replica that doesn't own a unit learns its calls without converting it", () => {
  const { tree, calls, changed, catalogue } = createCatalogue();
  const unit = interfaceUnit(orders);
  tree.add(orders, "providers", nameOf("10.0.0.1:20880", "shop", "provider"));
  tree.add(orders, "consumers", nameOf("10.0.1.1", "web", "consumer"));
  catalogue.observe(unit);
  expect(changed).toEqual(["shop", "web"]);
  expect([...(calls.callsOf("web")?.consumes ?? [])].map(({ key }) => key)).toEqual([orders]);
  expect([...catalogue.units()]).toEqual([unit]);

  changed.length = 0;
  tree.add(orders, "providers", nameOf("10.0.0.2:20880", "shop", "provider"));
  catalogue.observe(unit);
  expect(changed).toEqual([]);
  tree.remove(orders, "providers", nameOf("10.0.0.1:20880", "shop", "provider"));
  tree.remove(orders, "providers", nameOf("10.0.0.2:20880", "shop", "provider"));
  catalogue.observe(unit);
  expect(changed).toEqual(["shop", "web"]);
});

test("what was observed is converted, and what changed since is observed anew", () => {
  const { tree, catalogue } = createCatalogue();
  const unit = interfaceUnit(orders);
  const addresses = () =>
    catalogue.convert(unit).flatMap(({ spec }) => spec.endpoints ?? []).map(({ address }) => address);
  tree.add(orders, "providers", nameOf("10.0.0.1:20880", "shop", "provider"));
  catalogue.observe(unit);
  expect(addresses()).toEqual(["10.0.0.1"]);
  catalogue.observe(unit);
  tree.add(orders, "providers", nameOf("10.0.0.2:20880", "shop", "provider"));
  catalogue.outdate(unit);
  expect(addresses()).toEqual(["10.0.0.1", "10.0.0.2"]);
});
