import { existsSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { shop } from "./demo-services.ts";
import { startKubernetesDemo } from "./kubernetes-demo.ts";

test("The Kubernetes demo has Deployments that roll and scale, and none is ever without a ready pod", async () => {
  const stop = new AbortController();
  const demo = await startKubernetesDemo(1, stop.signal);
  onTestFinished(async () => {
    await demo[Symbol.asyncDispose]();
    expect(existsSync(demo.kubeConfig)).toBe(false);
  });
  onTestFinished(() => stop.abort());
  const { history } = demo.server;
  expect(history.all("services")).toHaveLength(shop.length);
  expect(existsSync(demo.kubeConfig)).toBe(true);
  const pods = () => history.all("pods").map(({ key }) => key);
  const before = new Set(pods());
  expect(before.size).toBe(shop.reduce((sum, { instances }) => sum + instances, 0));
  const sizes = new Set<number>();
  await expect.poll(() => {
    sizes.add(pods().length);
    for (const { json } of history.all("endpointSlices")) {
      expect(JSON.stringify(json)).toContain('"ready":true');
    }
    return sizes.size > 1 && pods().every((key) => !before.has(key));
  }, { interval: 1, timeout: 30_000 }).toBe(true);
});
