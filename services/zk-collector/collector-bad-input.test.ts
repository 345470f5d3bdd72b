import fc from "fast-check";
import { describe, test } from "vitest";
import { CollectorRig, soon, urlNode } from "./collector-rig.ts";

const orders = "com.acme.OrderService";
const ordersHost = "com.acme.order-service";

/** Every printable character of ASCII that a node's name may have, and some beyond. */
const printable = [
  ...Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).filter((char) => char !== "/"),
  "ä",
  "ß",
  "œ",
  "中",
  "文",
];

const badNames: Readonly<Record<string, string>> = {
  "what can't be decoded": "dubbo%3A%2F%2F10.0.0.9%3A20880%2F%ZZ%",
  "no URL": "hello",
  "no address": encodeURIComponent("dubbo:///x?interface=x"),
  "port 0": encodeURIComponent(`dubbo://10.0.0.9:0/${orders}?interface=${orders}`),
  "port 70000": encodeURIComponent(`dubbo://10.0.0.9:70000/${orders}?interface=${orders}`),
  "a port that is none": encodeURIComponent(`dubbo://10.0.0.9:http/${orders}?interface=${orders}`),
  "only percent signs": "%%%",
  "a million letters": encodeURIComponent(`dubbo://10.0.0.9:20880/${orders}?x=${"y".repeat(999_000)}`),
  "every printable character": printable.join(""),
};

describe.concurrent("Bad input", { timeout: 30_000 }, () => {
  test.for(Object.entries(badNames))("%s: neighbours are published", async ([, name], { expect }) => {
    await using rig = await CollectorRig.start({
      fill: (registry) => {
        registry.provide(orders, 1);
        registry.tree.ensure(`/dubbo/${orders}/providers/${name}`);
      },
    });
    await expect.poll(() => rig.ready, soon).toBe(true);
    expect(await rig.endpoints()).toEqual({ [ordersHost]: "1" });
    expect(rig.collector.records.shown.size).toBe(1);
    rig.registry.tree.delete(`/dubbo/${orders}/providers/${name}`);
    rig.registry.tree.ensure(`/dubbo/${orders}/consumers/${name}`);
    rig.registry.tree.ensure(`/dubbo/${orders}/configurators/${name}`);
    rig.registry.tree.ensure(`/services/${name}/${name}`, Buffer.from("{"));
    rig.registry.provide(orders, 2);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1 2" });
  });

  test("a URL without a question mark is a provider without parameters", async ({ expect }) => {
    await using rig = await CollectorRig.start({
      fill: (registry) => {
        registry.provide(orders, 1);
        registry.tree.ensure(
          `/dubbo/${orders}/providers/${encodeURIComponent(`dubbo://10.0.0.2:20880/${orders}`)}`,
        );
      },
    });
    await expect.poll(() => rig.ready, soon).toBe(true);
    expect(await rig.endpoints()).toEqual({ [ordersHost]: "1 2" });
  });

  test("of several registrations of one address one endpoint is made", async ({ expect }) => {
    await using rig = await CollectorRig.start({
      fill: (registry) => {
        for (const timestamp of ["1", "2", "3"]) registry.provide(orders, 1, { timestamp });
        registry.provide(orders, 2);
      },
    });
    await expect.poll(() => rig.ready, soon).toBe(true);
    expect(await rig.endpoints()).toEqual({ [ordersHost]: "1 2" });
  });

  test("names of interfaces with every printable character", async ({ expect }) => {
    const name = printable.join("");
    await using rig = await CollectorRig.start({
      fill: (registry) => {
        registry.provide(orders, 1);
        registry.tree.ensure(
          `/dubbo/${encodeURIComponent(`${name}.encoded`)}/providers/${
            urlNode("dubbo", "10.0.0.2:20880", "x")
          }`,
        );
        registry.tree.ensure(`/dubbo/${name}/providers/${urlNode("dubbo", "10.0.0.3:20880", "x")}`);
      },
    });
    await expect.poll(() => rig.ready, soon).toBe(true);
    const endpoints = await rig.endpoints();
    expect(endpoints[ordersHost]).toBe("1");
    expect(Object.values(endpoints).toSorted()).toEqual(["1", "2", "3"]);
  });

  test("100,000 children in one node", { timeout: 60_000 }, async ({ expect }) => {
    await using rig = await CollectorRig.start({
      fill: (registry) => {
        registry.provide("com.acme.StockService", 1);
        for (let number = 0; number < 100_000; number++) {
          const address = `10.${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}:20880`;
          registry.tree.ensure(`/dubbo/${orders}/providers/${urlNode("dubbo", address, orders)}`);
        }
      },
    });
    await expect.poll(() => rig.ready, { timeout: 50_000, interval: 50 }).toBe(true);
    const manifest = (await rig.manifests()).get(ordersHost);
    expect(manifest?.kind === "ServiceEntry" && manifest.spec.endpoints?.length).toBe(100_000);
    expect((await rig.endpoints())["com.acme.stock-service"]).toBe("1");
  });
});

test(
  "Whatever nodes there are, neighbours are published and nothing ends",
  { timeout: 60_000 },
  async ({ expect }) => {
    await using rig = await CollectorRig.start({ fill: (registry) => registry.provide(orders, 1) });
    await expect.poll(() => rig.ready, soon).toBe(true);
    const name = fc.string({ unit: fc.constantFrom(...printable), minLength: 1, maxLength: 30 }).filter((
      each,
    ) => each !== "." && each !== "..");
    const piece = fc.oneof(
      name,
      fc.constantFrom("providers", "consumers", "configurators", "mapping", "metadata"),
    );
    const path = fc.tuple(
      fc.constantFrom("/dubbo", "/services"),
      fc.array(piece, { minLength: 1, maxLength: 5 }),
    )
      .map(([root, rest]) => `${root}/${rest.join("/")}`);
    let instance = 2;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(path, name), { maxLength: 20 }), async (nodes) => {
        for (const [at, content] of nodes) rig.registry.tree.ensure(at, Buffer.from(content));
        instance++;
        rig.registry.provide(orders, instance);
        await expect.poll(async () => (await rig.endpoints())[ordersHost], soon).toBe(`1 ${instance}`);
        rig.registry.withdraw(orders, instance);
        for (const [at] of nodes) rig.registry.tree.deleteAll(at.split("/").slice(0, 3).join("/"));
      }),
      { numRuns: 30 },
    );
  },
);
