import { expect, onTestFinished, test } from "vitest";
import { shop } from "./demo-services.ts";
import { startZooKeeperDemo } from "./zookeeper-demo.ts";

test("The ZooKeeper demo has Dubbo interfaces whose providers and consumers come, scale and go", async () => {
  const stop = new AbortController();
  const demo = await startZooKeeperDemo(1, stop.signal);
  onTestFinished(() => demo[Symbol.asyncDispose]());
  onTestFinished(() => stop.abort());
  const { tree } = demo.server;
  const names = (path: string) => [...tree.get(path)?.children.keys() ?? []].map(decodeURIComponent);
  const interfaces = names("/dubbo");
  expect(interfaces).toHaveLength(shop.length);
  const providers = interfaces.map((name) => names(`/dubbo/${name}/providers`));
  expect(providers.flat()).toHaveLength(shop.reduce((sum, { instances }) => sum + instances, 0));
  const urls = providers.flat().join("\n");
  expect(urls).toMatch(
    /^tri:\/\/10\.25\.0\.1:50051\/com\.shop\.payment\.PaymentService\?application=payment&/m,
  );
  expect(urls).toMatch(/^dubbo:\/\/.*group=eu&.*version=1\.0\.0/m);
  const consumers = names("/dubbo/com.shop.user.UserService/consumers")
    .map((url) => /application=(\w+)/.exec(url)?.[1]);
  expect(new Set(consumers)).toEqual(new Set(["orders", "reviews", "storefront"]));

  const counts = interfaces.map(() => new Set<number>());
  await expect.poll(() => {
    for (const [index, name] of interfaces.entries()) {
      counts[index]?.add(tree.stat(`/dubbo/${name}/providers`)?.numChildren ?? 0);
    }
    return counts.every((seen) => seen.has(0) && seen.size > 1);
  }, { interval: 1 }).toBe(true);

  stop.abort();
  const { zxid } = tree;
  await new Promise((resolve) => setImmediate(resolve));
  expect(tree.zxid).toBe(zxid);
});
