import { expect, test } from "vitest";
import { Dependencies } from "../../../shared/api/dependencies.ts";
import { recordOf, startApi } from "../api/api-rig.ts";
import { sidecarRecord } from "./sidecar-rig.ts";

const records = () => [
  recordOf("stock", { endpointLabels: { application: "depot" } }),
  recordOf("cart", { endpointLabels: { application: "till" }, addresses: ["10.0.0.2"] }),
  sidecarRecord("till", ["stock.shop", "cart.shop"]),
  sidecarRecord("web", ["cart.shop"]),
];

test("says what breaks if a service goes, and follows what changes", async () => {
  const { ask, publish } = await startApi(records());
  const stock = await ask("/dependencies?service=stock", Dependencies);
  expect(stock).toMatchObject({
    asked: "service:shop/stock",
    applications: 3,
    callers: 2,
    left: 0,
    sidecar: null,
  });
  expect(stock.nodes.map(({ id, hop, service }) => [id, hop, service])).toEqual([
    ["service:shop/stock", 0, "shop/stock"],
    ["application:till", 1, null],
    ["service:shop/cart", 1, "shop/cart"],
    ["application:web", 2, null],
  ]);
  expect((await ask("/dependencies?service=stock&hops=1", Dependencies)).nodes).toHaveLength(3);
  const cut = await ask("/dependencies?service=stock&limit=2", Dependencies);
  expect([cut.nodes.length, cut.left]).toEqual([2, 2]);
  await publish(sidecarRecord("till", ["cart.shop"]));
  await expect.poll(async () => (await ask("/dependencies?service=stock", Dependencies)).nodes.length).toBe(
    1,
  );
});

test("says what an application needs, with its Sidecar; and without a name what is called the most", async () => {
  const { ask } = await startApi(records());
  const till = await ask("/dependencies?application=till&direction=dependencies", Dependencies);
  expect(till.nodes.map(({ name }) => name)).toEqual(["till", "stock", "depot"]);
  expect(till.sidecar).toMatchObject({ kind: "Sidecar", metadata: { name: "till.dubbo.generated" } });
  const all = await ask("/dependencies", Dependencies);
  expect(all.asked).toBe(null);
  expect(all.nodes.map(({ id, consumers }) => [id, consumers])).toEqual([
    ["application:depot", 1],
    ["application:till", 1],
    ["service:shop/cart", 1],
    ["service:shop/stock", 1],
    ["application:web", 0],
  ]);
});

test("says what it doesn't know or understand", async () => {
  const { request } = await startApi(records());
  for (
    const [query, status, word] of [
      ["service=mars", 404, "no service mars is known"],
      ["application=stock", 404, "no application stock is known"],
      ["application=till&service=stock", 400, "not for both"],
      ["service=stock&hops=0", 400, "hops"],
      ["service=stock&hops=11", 400, "hops"],
      ["service=stock&direction=up", 400, "direction"],
    ] as const
  ) {
    const response = await request(`/dependencies?${query}`);
    expect([response.status, await response.text()], query).toEqual([status, expect.stringContaining(word)]);
  }
});
