import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { recordOf, startApi } from "../../services/aggregator/api/api-rig.ts";
import { accessibilityFaults, skipWithoutBrowser } from "./browser.ts";
import { soon, useBrowser } from "./use-browser.ts";

describe.skipIf(skipWithoutBrowser())("the console's table of services", () => {
  const { open } = useBrowser();

  const many = () =>
    Array.from({ length: 300 }, (_, index) => recordOf(`s${String(index).padStart(3, "0")}`));

  test("has filter, order, columns and selection in the URL, and shows another person the same", async () => {
    const { url } = await startApi(many());
    const { page, faults } = await open(`${url}/#/services`);
    await page.getByText("300 services").waitFor();
    await page.locator("summary", { hasText: "Columns" }).click();
    await page.getByRole("checkbox", { name: "Version" }).check();
    await page.getByRole("checkbox", { name: "Host" }).uncheck();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Name" }).click();
    await expect.poll(() => page.url(), soon).toContain("order=down");
    await page.getByRole("grid").focus();
    await page.keyboard.press("End");
    await expect.poll(() => page.url(), soon).toContain("row=shop%2Fs000");
    const { page: other, faults: otherFaults } = await open(page.url());
    await other.getByRole("row", { name: /shop\/s000/, selected: true }).waitFor();
    expect(await other.getByRole("columnheader").allInnerTexts()).toEqual([
      expect.stringContaining("Name"),
      "Source",
      "Endpoints",
      "State",
      "Version",
    ]);
    await other.getByRole("grid").focus();
    await other.keyboard.press("Enter");
    await other.getByRole("heading", { name: "shop/s000" }).waitFor();
    await other.goBack();
    await other.getByRole("row", { name: /shop\/s000/, selected: true }).waitFor();
    expect([...faults, ...otherFaults]).toEqual([]);
  });

  test("keeps views by name in the browser, names that look like HTML among them", async () => {
    const { url } = await startApi(many());
    const { page, faults } = await open(`${url}/#/services?q=s00&sort=endpoints`);
    await page.getByText("10 of 300 services").waitFor();
    const name = "<img src=x onerror=alert(1)>";
    await page.getByText("Saved views", { exact: true }).click();
    await page.getByLabel("Name of this view").fill(name);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name }).waitFor();
    expect(await page.locator("img[src=x]").count()).toBe(0);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.goto(`${url}/#/services`);
    await page.reload();
    await page.getByText("300 services").waitFor();
    await page.getByText("Saved views", { exact: true }).click();
    await page.getByRole("link", { name }).click();
    await page.getByText("10 of 300 services").waitFor();
    expect(page.url()).toContain("sort=endpoints");
    await page.getByRole("button", { name: `Forget the view ${name}` }).click();
    await page.getByText("No view is saved in this browser.").waitFor();
    expect(faults).toEqual([]);
  });

  test("exports the rows that fit, in their order, as CSV and JSON", async () => {
    const { url } = await startApi(many());
    const { page, faults } = await open(`${url}/#/services?q=s01&order=down`);
    await page.getByText("10 of 300 services").waitFor();
    await page.getByText("Export", { exact: true }).click();
    const saved = async (form: string) => {
      const coming = page.waitForEvent("download");
      await page.getByRole("button", { name: `${form} of 10 rows` }).click();
      const download = await coming;
      return await readFile(await download.path(), "utf8");
    };
    const lines = (await saved("CSV")).split("\r\n");
    expect(lines.length).toBe(12);
    expect(lines[1]).toMatch(/^shop\/s019,s019\.shop,eureka,1,,/);
    const rows: unknown = JSON.parse(await saved("JSON"));
    expect(rows).toHaveLength(10);
    expect(rows).toMatchObject([
      { name: "shop/s019", hosts: ["s019.shop"], endpoints: 1 },
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      { name: "shop/s010" },
    ]);
    expect(faults).toEqual([]);
  });

  test("shows a service's manifest as YAML, for kubectl, and copies it", async () => {
    const { url, publish } = await startApi([recordOf("orders", { labels: { on: "yes" } })]);
    const { page, faults } = await open(`${url}/#/service?name=shop%2Forders`);
    await page.getByText("Manifest (YAML)").click();
    const text = page.locator("pre");
    await text.waitFor();
    // Readers of YAML 1.1, such as kubectl, would take it for two truths.
    await text.getByText('"on": "yes"').waitFor();
    const manifest: unknown = parse(await text.innerText());
    expect(manifest).toMatchObject({
      kind: "ServiceEntry",
      metadata: { name: "orders", labels: { on: "yes" } },
      spec: { endpoints: [{ address: "10.0.0.1" }] },
    });
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByRole("button", { name: "Copy the manifest" }).click();
    await page.getByText("Copied").waitFor();
    expect(parse(String(await page.evaluate("navigator.clipboard.readText()")))).toEqual(manifest);
    expect(await accessibilityFaults(page)).toEqual([]);
    await publish(recordOf("orders", { addresses: ["10.0.0.9"] }));
    await text.getByText("10.0.0.9").waitFor();
    expect(faults).toEqual([]);
  });
});
