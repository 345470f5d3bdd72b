import { describe, expect, onTestFinished, test } from "vitest";
import { listen } from "../../services/aggregator/grpc/grpc-rig.ts";
import { entry, lines, sidecar, startAggregator, watch } from "./watch-rig.ts";

const dialects = [
  { dialect: "sotw", speaks: "stateOfTheWorld" },
  { dialect: "delta", speaks: "delta" },
  { dialect: "incremental", speaks: "incremental" },
  { dialect: "http", protocol: "http" },
] as const;

describe.each(dialects)("meshctl watch --dialect $dialect", ({ dialect, ...server }) => {
  const protocol = "protocol" in server ? { protocol: server.protocol } : {};
  const types = ["--type", "ServiceEntry", "--type", "Sidecar"];

  test("prints what is there, each change, and after a reconnect what changed meanwhile", {
    timeout: 30_000,
  }, async () => {
    const aggregator = startAggregator(protocol);
    aggregator.put(entry("orders", ["10.0.0.1"]));
    aggregator.put(entry("users", ["10.0.2.1"]));
    aggregator.put(entry("cart", ["10.0.1.1", "10.0.1.2"]));
    aggregator.put(sidecar);
    const address = await aggregator.listen();
    const run = watch("--address", address, "--dialect", dialect, ...types);
    await expect.poll(() => lines(run.out).toSorted().map((line) => line.replace(/ +/g, " "))).toEqual([
      "+ ServiceEntry shop/cart cart.shop 80/HTTP endpoints 2",
      "+ ServiceEntry shop/orders orders.shop 80/HTTP endpoints 1",
      "+ ServiceEntry shop/users users.shop 80/HTTP endpoints 1",
      "+ Sidecar shop/cart - - egress hosts 1",
    ]);
    if ("speaks" in server) {
      expect(aggregator.clients().map((client) => client.dialect)).toEqual([server.speaks]);
    }

    aggregator.put(entry("orders", ["10.0.0.1", "10.0.0.9"]));
    await expect.poll(() => lines(run.out)[4]).toMatch(
      /^~ .* shop\/orders .*endpoints 1→2 \(\+10\.0\.0\.9\)$/,
    );
    aggregator.delete("ServiceEntry", "shop/cart");
    await expect.poll(() => lines(run.out)[5]).toMatch(/^- .* shop\/cart .*gone$/);
    expect(run.err).toBe("");

    await aggregator.close();
    await expect.poll(() => run.err).toMatch(/lost the connection to .*; trying again in \d\.\d s/);
    aggregator.put(entry("orders", ["10.0.0.2"]));
    aggregator.put(entry("new", ["10.0.3.1"]));
    aggregator.delete("ServiceEntry", "shop/users");
    await aggregator.listen(address);
    await expect.poll(() => run.err, { timeout: 15_000 }).toContain(`connected to ${address} again`);
    await expect.poll(() => lines(run.out).slice(6).map((line) => line.slice(0, 30).trimEnd())).toEqual([
      expect.stringMatching(/^\+ +ServiceEntry +shop\/new/),
      expect.stringMatching(/^~ +ServiceEntry +shop\/orders/),
      expect.stringMatching(/^- +ServiceEntry +shop\/users/),
    ]);
    expect(run.err).not.toContain("warning");
    expect(await run.stop()).toBe(0);
  });

  test("--once ends after everything, also of a type that there is nothing of", async () => {
    const aggregator = startAggregator(protocol);
    const names = Array.from({ length: 50 }, (_, index) => `service-${index}`).toSorted();
    for (const name of names) aggregator.put(entry(name, ["10.0.0.1"]));
    const args = [
      "--address",
      await aggregator.listen(),
      "--dialect",
      dialect,
      ...types,
      "--once",
      "-o",
      "json",
    ];
    const run = watch(...args);
    expect(await run.code).toBe(0);
    expect(lines(run.out).map((line) => JSON.parse(line).metadata.name)).toEqual(names);
    expect(run.err).toMatch(/^meshctl: 127\.0\.0\.1:\d+ has no networking\.istio\.io\/v1\/Sidecar\n$/);
  });
});

describe("meshctl watch", () => {
  test("--once waits for all parts of a Delta answer", async () => {
    const aggregator = startAggregator({ settings: { maxMessageBytes: 2000 } });
    for (let index = 0; index < 50; index++) aggregator.put(entry(`service-${index}`, ["10.0.0.1"]));
    const run = watch("--address", await aggregator.listen(), "--dialect", "delta", "--once");
    expect(await run.code).toBe(0);
    expect(lines(run.out)).toHaveLength(50);
    expect(run.err).toBe("");
  });

  test("--once prints and waits for nothing that changes after a Delta answer", async () => {
    const aggregator = startAggregator();
    aggregator.put(entry("orders", ["10.0.0.1"]));
    let changes = 0;
    const timer = setInterval(() => aggregator.put(entry("orders", [`10.0.1.${++changes}`])), 20);
    onTestFinished(() => clearInterval(timer));
    const run = watch("--address", await aggregator.listen(), "--dialect", "delta", "--once");
    expect(await run.code).toBe(0);
    expect(lines(run.out)).toHaveLength(1);
    expect(changes).toBeGreaterThan(3);
  });

  test.each(["delta", "incremental"])("shows what is hidden from a revision as gone: %s", async (dialect) => {
    const aggregator = startAggregator();
    aggregator.put(entry("orders", [], { "istio.io/rev": "canary" }));
    aggregator.put(entry("cart", [], { "istio.io/rev": "stable" }));
    const args = ["--address", await aggregator.listen(), "--dialect", dialect, "--revision", "canary"];
    const run = watch(...args);
    await expect.poll(() => lines(run.out)).toEqual([expect.stringMatching(/^\+ .* shop\/orders /)]);
    aggregator.put(entry("orders", [], { "istio.io/rev": "stable" }));
    await expect.poll(() => lines(run.out)[1]).toMatch(/^- .* shop\/orders .*gone$/);
    expect(run.err).toBe("");
  });

  test("tells that a server doesn't speak the dialect", async () => {
    const { address } = await listen(new Map());
    const run = watch("--address", address, "--dialect", "delta");
    await expect.poll(() => run.err).toMatch(/no connection to .*: the server doesn't speak this dialect/);
    expect(await run.stop()).toBe(0);
  });

  test("tells what a server answers that does no long polling", async () => {
    const aggregator = startAggregator();
    const run = watch("--address", await aggregator.listen(), "--dialect", "http");
    await expect.poll(() => run.err).toMatch(/^meshctl: no connection to .*; trying again in/);
    expect(await run.stop()).toBe(0);
  });
});
