import { describe, expect, test } from "vitest";
import { History, ServiceDiff } from "../../shared/api/history.ts";
import { ChangePage, MomentDiff, RecordPage, ServiceMoment, Timeline } from "../../shared/api/moments.ts";
import { run } from "../../services/meshctl/meshctl-rig.ts";
import { recordOf, startApi, subjectOf } from "../../services/aggregator/api/api-rig.ts";

const orders = "/services/shop/orders";

describe("the history of a service", () => {
  test("has each change with what it changed, the newest first, also after the service is gone", async () => {
    const { ask, publish, aggregator } = await startApi([recordOf("orders"), recordOf("stock")]);
    const history = async () => await ask(`${orders}/history`, History);
    expect(await history()).toMatchObject({ name: "shop/orders", versions: 5, changes: [] });
    expect(Date.parse((await history()).keptSince ?? "")).toBeGreaterThan(0);
    await publish(recordOf("orders", { addresses: ["10.0.0.1", "10.0.0.2"] }));
    await expect.poll(async () => (await history()).changes).toMatchObject([
      { change: "changed", source: "eureka", subject: subjectOf("orders"), left: 0 },
    ]);
    expect((await history()).changes[0]?.differences).toMatchObject([
      { path: "spec.endpoints[10.0.0.2:8080]", before: null, after: { address: "10.0.0.2" } },
    ]);
    await publish({ subject: subjectOf("orders"), data: null });
    await expect.poll(() => aggregator.cache.get("ServiceEntry", "shop/orders")).toBeUndefined();
    await publish(recordOf("orders"));
    await expect.poll(async () => (await history()).changes.map(({ change }) => change)).toEqual([
      "added",
      "removed",
      "changed",
    ]);
    await publish({ subject: subjectOf("orders"), data: null });
    await expect.poll(async () => (await history()).changes[0]?.change).toBe("removed");
  });

  test("a service that never was is answered with 404, and one without kept changes says so", async () => {
    const { request, ask, url } = await startApi([recordOf("orders")], { history: { versions: 0 } });
    expect((await request("/services/shop/nobody/history")).status).toBe(404);
    expect(await ask(`${orders}/history`, History)).toMatchObject({ versions: 0, changes: [] });
    const { code, err } = await run("history", "orders", "--api", url);
    expect([code, err]).toEqual([3, expect.stringContaining("history.versions is 0")]);
  });
});

describe("differences", () => {
  test("between two states of a record, and between it and what is served", async () => {
    const { ask, publish, request, url } = await startApi([recordOf("orders")]);
    await publish(recordOf("orders", { addresses: ["10.0.0.2"] }));
    await expect.poll(async () => (await ask(`${orders}/history`, History)).changes).toHaveLength(1);
    await publish(recordOf("orders", { addresses: ["10.0.0.2"], labels: { app: "till" } }));
    await expect.poll(async () => (await ask(`${orders}/history`, History)).changes).toHaveLength(2);
    const [second, first] = (await ask(`${orders}/history`, History)).changes.map(({ position }) => position);
    const diff = async (query: string) =>
      (await ask(`${orders}/diff?${query}`, ServiceDiff)).differences.map(({ path }) => path).sort();
    expect(await diff(`from=${first}&to=${first}`)).toEqual([
      "spec.endpoints[10.0.0.1:8080]",
      "spec.endpoints[10.0.0.2:8080]",
    ]);
    expect(await diff(`from=${second}`)).toEqual(["metadata.labels.app"]);
    expect(await diff("")).toEqual([]);
    expect(await diff(`to=${first}`)).toEqual(["metadata.labels.app"]);
    expect((await request(`${orders}/diff?from=nowhere`)).status).toBe(404);
    expect((await request(`${orders}/diff?source=nacos`)).status).toBe(404);
    const shown = await run("history", "orders", "--api", url);
    expect(shown.out).toMatch(/changed +eureka .*\+ metadata\.labels\.app "till"/);
    const nowhere = await run("diff", "shop/orders", "--from", "nowhere", "--api", url);
    expect([nowhere.code, nowhere.err]).toEqual([1, expect.stringMatching(/answered 404: \w/)]);
    const same = await run("diff", "shop/orders", "--api", url);
    expect([same.code, same.out]).toEqual([0, expect.stringContaining("no difference")]);
    const differs = await run("diff", "orders", "--from", first ?? "", "--api", url);
    expect([differs.code, differs.out]).toEqual([
      3,
      expect.stringContaining("- spec.endpoints[10.0.0.1:8080]"),
    ]);
  });

  test("of a merged service, each source's record with what is served", async () => {
    const { ask, request } = await startApi([
      recordOf("orders", { addresses: ["10.0.0.1"] }),
      recordOf("orders", { registry: "nacos", addresses: ["10.0.0.2"] }),
    ]);
    const response = await request(`${orders}/diff`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("eureka, nacos");
    const { differences } = await ask(`${orders}/diff?source=nacos`, ServiceDiff);
    expect(differences.map(({ path }) => path)).toContain("spec.endpoints[10.0.0.1:8080]");
  });
});

describe("a moment of the past", () => {
  test("is compared with now, and shows what happened since", async () => {
    const { ask, publish, request, url, aggregator } = await startApi([
      recordOf("orders"),
      recordOf("stock"),
    ]);
    const now = async () => (await ask("/changes?limit=1", ChangePage)).changes[0]?.position;
    await publish(recordOf("orders", { addresses: ["10.0.0.1", "10.0.0.2"] }));
    await expect.poll(now).toBeDefined();
    const before = await now() ?? "";
    await publish(
      { subject: subjectOf("orders"), data: null },
      recordOf("carts"),
      recordOf("stock", { labels: { a: "b" } }),
    );
    await expect.poll(() => aggregator.cache.get("ServiceEntry", "shop/carts")).toBeDefined();
    await publish(recordOf("stock"));
    await expect.poll(async () => (await ask("/changes", ChangePage)).changes).toHaveLength(5);

    const { rows, counts } = await ask(`/moment?at=${before}`, MomentDiff);
    expect(rows.map(({ name, change }) => [name, change])).toEqual([["shop/carts", "added"], [
      "shop/orders",
      "removed",
    ]]);
    expect(counts).toEqual({ added: 1, changed: 0, removed: 1, unknown: 0 });
    const then = await ask(`${orders}/moment?at=${before}`, ServiceMoment);
    expect(then.records).toMatchObject([
      {
        state: "published",
        manifest: { spec: { endpoints: [{ address: "10.0.0.1" }, { address: "10.0.0.2" }] } },
      },
    ]);
    const { differences } = await ask(`${orders}/diff?at=${before}`, ServiceDiff);
    expect(differences).toMatchObject([{ path: "", after: null }]);
    const { records } = await ask(`/records?at=${before}`, RecordPage);
    expect(records.map(({ name, since }) => [name, since])).toEqual([["shop/orders", "removed"], [
      "shop/stock",
      "same",
    ]]);
    expect((await ask("/timeline", Timeline)).changes).toBe(5);
    expect((await ask(`${orders}/moment?at=0s`, ServiceMoment)).records).toMatchObject([{ state: "absent" }]);
    expect((await request("/services/shop/nobody/moment?at=0s")).status).toBe(404);
    expect((await request(`${orders}/moment?at=9h`)).status).toBe(404);
    expect((await request("/moment?at=tomorrow")).status).toBe(400);
    expect((await request("/moment")).status).toBe(400);

    const net = await run("changes", "--since", before, "--net", "--api", url);
    expect([net.code, net.out]).toEqual([
      0,
      expect.stringMatching(/added +shop\/carts +eureka +0 -> 1\n.*removed +shop\/orders +eureka +2 -> 0/),
    ]);
    const all = await run("changes", "--since", before, "--api", url);
    expect(all.out.match(/^.*shop\/stock.*$/gm)).toHaveLength(2);
    const none = await run("changes", "--since", "0s", "--api", url);
    expect([none.code, none.err]).toEqual([
      3,
      expect.stringContaining("nothing happened; changes are kept since 2"),
    ]);
    const early = await run("changes", "--since", "9h", "--net", "--api", url);
    expect([early.code, early.err]).toEqual([
      1,
      expect.stringContaining("from when on this aggregator keeps changes"),
    ]);
    expect((await run("changes", "--net", "--api", url)).err).toContain("add --since, such as --since 10m");
  });
});
