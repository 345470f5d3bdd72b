import { createServer, request } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import type { Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { recordOf, startApi, subjectOf } from "../../services/aggregator/api/api-rig.ts";
import { leaseOf } from "../../services/aggregator/sources/lease-rig.ts";
import { tabs } from "../../services/console/page/route.ts";
import { texts } from "../../services/console/page/texts.ts";
import { skipWithoutBrowser } from "./browser.ts";
import { soon, useBrowser } from "./use-browser.ts";

describe.skipIf(skipWithoutBrowser())("the console", () => {
  const { open, show } = useBrowser();

  const few = () => [
    recordOf("orders", { addresses: ["10.0.0.7"], endpointLabels: { zone: "a" } }),
    recordOf("both", { hosts: ["both.shop"], addresses: ["10.0.0.1"] }),
    recordOf("both", { registry: "nacos", hosts: ["both.shop"], addresses: ["10.0.0.2"] }),
    recordOf("bad", { hosts: ["no host"] }),
  ];

  test("changes appear as they happen, also after the connection was lost", async () => {
    const { url, publish } = await startApi(few());
    const { page } = await open(`${url}/#/services`);
    await publish(recordOf("new"), { subject: subjectOf("orders"), data: null });
    await page.getByText("shop/new", { exact: true }).waitFor();
    await expect.poll(() => page.getByText("shop/orders", { exact: true }).count(), soon).toBe(0);
    await page.context().setOffline(true);
    await page.reload().catch(() => {});
    await page.context().setOffline(false);
    await publish(recordOf("later"));
    await page.goto(`${url}/#/services`);
    await page.getByText("shop/later", { exact: true }).waitFor();
  });

  test("finds, opens and traces with the keyboard alone", async () => {
    const { url } = await startApi(few());
    const { page } = await open(`${url}/`);
    await page.keyboard.press("Control+k");
    await page.keyboard.type("10.0.0.7");
    await page.getByRole("option", { name: "shop/orders" }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "shop/orders" }).waitFor();
    await page.keyboard.press("Control+k");
    await page.keyboard.type("10.0.0.7");
    await page.getByRole("option", { name: "Trace 10.0.0.7" }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByText("MR1105").first().waitFor();
    await page.goto(`${url}/#/services`);
    await page.getByRole("grid").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.url(), soon).toContain("shop%2Forders");
    await page.goto(`${url}/#/services`);
    await page.keyboard.press("/");
    await page.keyboard.type("10.0.0.2");
    await expect.poll(() => page.getByRole("row").count(), soon).toBe(2);
    expect(page.url()).toContain("q=10.0.0.2");
  });

  test("takes keys as soon as an address is open, however late the browser draws", async () => {
    const { url } = await startApi(few());
    const { page } = await open(`${url}/`);
    await page.evaluate("globalThis.requestAnimationFrame = (draw) => setTimeout(draw, 300)");
    await page.goto(`${url}/#/services`);
    await page.keyboard.press("/");
    await page.keyboard.type("10.0.0.2");
    await expect.poll(() => page.url(), soon).toContain("q=10.0.0.2");
  });

  test("asks anew for what changes without an event", async () => {
    const { url, renew } = await startApi(few());
    const { page } = await open(`${url}/#/overview`);
    await page.getByText("no collector is alive").first().waitFor();
    const timer = setInterval(() => void renew(leaseOf("one")), 500);
    onTestFinished(() => clearInterval(timer));
    await page.getByText("1 collector", { exact: false }).waitFor();
    await page.getByText("one: ready", { exact: true }).waitFor();
  });

  test("has few rows of ten thousand in the page, wherever it is scrolled to", async () => {
    const all = Array.from({ length: 10_000 }, (_, index) => recordOf(`s${String(index).padStart(5, "0")}`));
    const { url } = await startApi(all);
    const { page, faults } = await open(`${url}/#/services`);
    await page.getByText("10000 services").waitFor();
    const grid = page.getByRole("grid");
    expect(await page.getByRole("row").count()).toBeLessThan(60);
    await grid.focus();
    await page.keyboard.press("End");
    await page.getByText("shop/s09999", { exact: true }).waitFor();
    expect(await page.getByRole("row").count()).toBeLessThan(60);
    expect(faults).toEqual([]);
  });

  test("interprets nothing that a registry can hold", async () => {
    const evil = "<img src=x onerror=\"document.title='taken'\">";
    const { url } = await startApi([
      recordOf("x", { labels: { app: evil }, endpointLabels: { "a.b/c": "<script>alert(1)</script>" } }),
      recordOf("y", { hosts: [evil] }),
    ]);
    const { page, faults } = await open(`${url}/#/service?name=shop%2Fx`);
    await page.getByText("Endpoints (1)").waitFor();
    await page.goto(`${url}/#/trace?text=${encodeURIComponent(evil)}`);
    await page.getByText("MR2002").first().waitFor();
    await page.goto(`${url}/#/problems`);
    await page.getByText("shop/y").waitFor();
    expect(await page.locator("img[src=x], #app script").count()).toBe(0);
    expect(await page.title()).not.toBe("taken");
    expect(faults).toEqual([]);
  });

  test("works behind a proxy's path", async () => {
    const { url } = await startApi(few());
    const proxy = createServer((incoming, outgoing) => {
      const path = (incoming.url ?? "").replace(/^\/mesh/, "");
      const { host: _host, ...headers } = incoming.headers;
      const onward = request(`${url}${path}`, { headers }, (response) => {
        outgoing.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(outgoing);
      });
      outgoing.on("close", () => onward.destroy());
      onward.on("error", () => outgoing.destroy()).end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      proxy.close();
      proxy.closeAllConnections();
    });
    const bound = proxy.address();
    const front = `http://127.0.0.1:${typeof bound === "object" ? bound?.port : ""}`;
    const { page, faults } = await open(`${front}/mesh/#/services`);
    await page.getByText("shop/both", { exact: true }).waitFor();
    expect(faults).toEqual([]);
  });

  test("survives a restart of the aggregator", async () => {
    const before = await startApi(few());
    let target = new URL(before.url);
    const sockets = new Set<Socket>();
    const front = createTcpServer((socket) => {
      const onward = connect(Number(target.port), target.hostname);
      for (const [from, to] of [[socket, onward], [onward, socket]] as const) {
        sockets.add(from);
        from.pipe(to);
        from.on("error", () => to.destroy()).on("close", () => to.destroy());
      }
    });
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    const cutAll = () => {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    };
    onTestFinished(() => {
      front.close();
      cutAll();
    });
    const bound = front.address();
    const { page } = await open(
      `http://127.0.0.1:${typeof bound === "object" ? bound?.port : ""}/#/services`,
    );
    await page.getByText("shop/orders", { exact: true }).waitFor();
    // Another process, which has never heard of the ids of the first one's events.
    const after = await startApi([recordOf("both"), recordOf("later")]);
    target = new URL(after.url);
    cutAll();
    await before.stop();
    await page.getByText("shop/later", { exact: true }).waitFor();
    await expect.poll(() => page.getByText("shop/orders", { exact: true }).count(), soon).toBe(0);
    await page.getByText("live", { exact: true }).waitFor();
    await after.publish(recordOf("even-later"));
    await page.getByText("shop/even-later", { exact: true }).waitFor();
    for (const tab of tabs) {
      await page.getByRole("navigation").getByRole("link", { name: texts.views[tab], exact: true }).click();
      await page.locator("main footer.same").waitFor();
      expect(await page.getByRole("alert").count(), tab).toBe(0);
    }
  });

  test("asks for the token where there is one", async () => {
    const { url } = await startApi(few(), { http: { address: "127.0.0.1:0", token: "t0p" } });
    const { page } = await show(`${url}/#/services`);
    await page.getByLabel("http.token").fill("t0p");
    await page.keyboard.press("Enter");
    await page.getByText("shop/both", { exact: true }).waitFor();
  });
});
