import { expect, onTestFinished, test } from "vitest";
import { shop } from "./demo-services.ts";
import { startNacosDemo } from "./nacos-demo.ts";

test("The Nacos demo has services whose instances come, scale and go", async () => {
  const stop = new AbortController();
  const demo = await startNacosDemo(1, stop.signal);
  onTestFinished(() => demo[Symbol.asyncDispose]());
  onTestFinished(() => stop.abort());
  const sizes = () => demo.server.registry.services("public").map(({ instances }) => instances.size);
  expect(sizes()).toEqual(shop.map(({ instances }) => instances));
  const counts = shop.map(() => new Set<number>());
  await expect.poll(() => {
    for (const [index, size] of sizes().entries()) counts[index]?.add(size);
    return counts.every((seen) => seen.has(0) && seen.size > 1);
  }, { interval: 1, timeout: 30_000 }).toBe(true);
});
