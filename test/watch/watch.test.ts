import { describe, expect, test } from "vitest";
import { entry, lines, sidecar, startAggregator, watch } from "./watch-rig.ts";

describe("meshctl watch", () => {
  test("prints what is there, then each change", async () => {
    const aggregator = startAggregator();
    aggregator.put(entry("orders", ["10.0.0.1"]));
    aggregator.put(entry("cart", ["10.0.1.1", "10.0.1.2"]));
    const run = watch("--address", await aggregator.listen());
    await expect.poll(() => lines(run.out)).toEqual([
      "+  ServiceEntry  shop/cart    cart.shop    80/HTTP  endpoints 2",
      "+  ServiceEntry  shop/orders  orders.shop  80/HTTP  endpoints 1",
    ]);
    aggregator.put(entry("orders", ["10.0.0.1", "10.0.0.9"]));
    await expect.poll(() => run.out).toContain(
      "~  ServiceEntry  shop/orders  orders.shop  80/HTTP  endpoints 1→2 (+10.0.0.9)",
    );
    aggregator.delete("ServiceEntry", "shop/cart");
    await expect.poll(() => run.out).toContain("-  ServiceEntry  shop/cart    cart.shop    80/HTTP  gone");
    expect(await run.stop()).toBe(0);
    expect(run.err).toBe("");
  });

  test("speaks as a stock istiod does", async () => {
    const aggregator = startAggregator();
    aggregator.put(entry("orders", ["10.0.0.1"]));
    const address = await aggregator.listen();
    const run = watch("--address", `xds://${address}`, "--revision", "canary");
    await expect.poll(() => run.out).not.toBe("");
    const [client, ...others] = aggregator.clients();
    expect(others).toEqual([]);
    expect(client?.nodeId).toMatch(
      /^sidecar~127\.0\.0\.1~meshctl\.[A-Za-z0-9-]+~[A-Za-z0-9-]+\.svc\.cluster\.local$/,
    );
    expect(client?.revision).toBe("canary");
    expect([...client?.types.keys() ?? []]).toEqual(["networking.istio.io/v1/ServiceEntry"]);
    await expect.poll(() => [...client?.types.values() ?? []][0]).toMatchObject({
      inFlight: false,
      nacks: 0,
    });
    const [type] = client?.types.values() ?? [];
    expect(type?.ackedVersion).toBe(type?.sentVersion);
    expect(type?.ackedNonce).toBe(type?.sentNonce);
  });

  test("sees what an istiod of a revision sees", async () => {
    const aggregator = startAggregator();
    aggregator.put(entry("old", [], { "istio.io/rev": "stable" }));
    aggregator.put(entry("new", [], { "istio.io/rev": "canary" }));
    const run = watch("--address", await aggregator.listen(), "--revision", "canary", "--once", "-o", "json");
    expect(await run.code).toBe(0);
    expect(lines(run.out).map((line) => JSON.parse(line).metadata.name)).toEqual(["new"]);
  });

  test("--once ends after the first answer to every type", async () => {
    const aggregator = startAggregator();
    aggregator.put(entry("orders", ["10.0.0.1"]));
    aggregator.put(sidecar);
    const types = ["--type", "ServiceEntry", "--type=sidecar", "--type", "networking.istio.io/v1/Gateway"];
    const run = watch("--address", await aggregator.listen(), ...types, "--once", "-o", "json");
    expect(await run.code).toBe(0);
    const shown = lines(run.out).map((line): Record<string, unknown> => JSON.parse(line));
    expect(shown).toHaveLength(2);
    expect(shown).toContainEqual(
      expect.objectContaining({ ...sidecar, metadata: expect.anything(), change: "added" }),
    );
    const orders = shown.find(({ kind }) => kind === "ServiceEntry");
    expect(orders).toMatchObject({
      ...entry("orders", ["10.0.0.1"]),
      change: "added",
      version: expect.any(String),
    });
    expect(run.err).toContain("has no networking.istio.io/v1/Gateway");
  });

  test("asks for v1alpha3 when told to, and shows it as that", async () => {
    const aggregator = startAggregator();
    aggregator.put(entry("orders", ["10.0.0.1"]));
    const typeUrl = "networking.istio.io/v1alpha3/ServiceEntry";
    const run = watch("--address", await aggregator.listen(), "--type", typeUrl, "--once", "-o", "yaml");
    expect(await run.code).toBe(0);
    expect(run.out).toMatch(
      /^---\n# added at .*\napiVersion: networking\.istio\.io\/v1alpha3\nkind: ServiceEntry\n/,
    );
  });

  test("connects again, says so, and prints only what changed meanwhile", { timeout: 20_000 }, async () => {
    const aggregator = startAggregator();
    aggregator.put(entry("orders", ["10.0.0.1"]));
    aggregator.put(entry("cart", ["10.0.1.1"]));
    const address = await aggregator.listen();
    const run = watch("--address", address);
    await expect.poll(() => lines(run.out)).toHaveLength(2);
    await aggregator.close();
    await expect.poll(() => run.err).toMatch(
      /lost the connection to 127\.0\.0\.1:\d+: .*; trying again in \d\.\d s/,
    );
    aggregator.put(entry("orders", ["10.0.0.2"]));
    await aggregator.listen(address);
    await expect.poll(() => run.err, { timeout: 10_000 }).toContain(`connected to ${address} again`);
    await expect.poll(() => lines(run.out)).toHaveLength(3);
    expect(lines(run.out)[2]).toContain("endpoints 1 (+10.0.0.2,-10.0.0.1)");
  });

  test(
    "says that it waits while the server isn't ready, and where to look",
    { timeout: 20_000 },
    async () => {
      const aggregator = startAggregator({ isReady: false });
      aggregator.put(entry("orders", ["10.0.0.1"]));
      const run = watch("--address", await aggregator.listen(), "--once");
      await expect.poll(() => run.err, { timeout: 10_000 }).toMatch(
        /waiting for its answer about networking.istio.io\/v1\/ServiceEntry.*; \/meshregistry\/ready of its debug API/,
      );
      expect(run.out).toBe("");
      aggregator.gate.markCaughtUp();
      expect(await run.code).toBe(0);
      expect(lines(run.out)).toHaveLength(1);
    },
  );

  test("--once gives up after --timeout, and says so", async () => {
    const aggregator = startAggregator({ isReady: false });
    const run = watch("--address", await aggregator.listen(), "--once", "--timeout", "300ms");
    expect(await run.code).toBe(1);
    expect(run.err).toContain(
      "no complete answer within 0.3 s, giving up; --timeout sets how long --once waits",
    );
    expect(run.out).toBe("");
  });

  test("with --once, an end without an answer is a failure", async () => {
    const run = watch("--address", "127.0.0.1:1", "--once");
    await expect.poll(() => run.err).toContain("trying again");
    expect(await run.stop()).toBe(1);
  });
});
