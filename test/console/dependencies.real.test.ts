import { describe, expect, test } from "vitest";
import { recordOf, startApi } from "../../services/aggregator/api/api-rig.ts";
import { sidecarRecord } from "../../services/aggregator/dependencies/sidecar-rig.ts";
import { accessibilityFaults, skipWithoutBrowser } from "./browser.ts";
import { soon, useBrowser } from "./use-browser.ts";

describe.skipIf(skipWithoutBrowser())("the console's dependencies", () => {
  const { open } = useBrowser();

  test("shows what breaks if a service goes, and leads from node to node", async () => {
    const { url, publish } = await startApi([
      recordOf("stock", { endpointLabels: { application: "depot" } }),
      recordOf("cart", { endpointLabels: { application: "till" }, addresses: ["10.0.0.2"] }),
      sidecarRecord("till", ["stock.shop"]),
      sidecarRecord("web", ["cart.shop"]),
    ]);
    const { page, faults } = await open(`${url}/#/service?name=shop%2Fstock`);
    await page.getByRole("link", { name: "What breaks if it goes" }).click();
    await page.getByRole("heading", { name: "What breaks if it goes (3)" }).waitFor();
    expect(await page.locator("svg .box").count()).toBe(4);
    expect(await page.locator("svg .edge").count()).toBe(3);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole("row", { name: /^1 application till/ }).getByRole("link").click();
    await page.getByRole("heading", { name: "What breaks if it goes (2)" }).waitFor();
    await page.getByText("Its generated Sidecar").click();
    await page.getByText("till.dubbo.generated").waitFor();
    await page.getByLabel("Which way").selectOption("dependencies");
    await page.getByRole("heading", { name: "What it needs (2)" }).waitFor();
    await publish(sidecarRecord("till", ["stock.shop", "nowhere.shop"]));
    await page.getByRole("link", { name: "nowhere.shop" }).waitFor();
    await page.getByLabel("Name of a service or an application").fill("mars");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "no application mars is known" }).waitFor();
    expect(faults.filter((fault) => !fault.includes("404"))).toEqual([]);
  });

  test("draws a thousand nodes, and shows the lines of one", async () => {
    const callers = Array.from({ length: 999 }, (_, index) => sidecarRecord(`app${index}`, ["hub.shop"]));
    const { url } = await startApi([recordOf("hub"), ...callers]);
    const { page, faults } = await open(`${url}/#/dependencies?by=service&name=hub`);
    await expect.poll(() => page.locator("svg .box").count(), soon).toBe(1_000);
    await page.locator("svg a").nth(1).hover();
    await expect.poll(() => page.locator("svg .edge.lit").count(), soon).toBe(1);
    expect(faults).toEqual([]);
  });
});
