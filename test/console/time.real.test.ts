import { describe, expect, test } from "vitest";
import { recordOf, startApi, subjectOf } from "../../services/aggregator/api/api-rig.ts";
import type { AggregatorOptions } from "../../services/aggregator/aggregator.ts";
import { startRig } from "../../shared/entry-log/jetstream/nats-rig.ts";
import { requireReal } from "../servers/find.ts";
import { accessibilityFaults, skipWithoutBrowser } from "./browser.ts";
import { soon, useBrowser } from "./use-browser.ts";

describe.skipIf(skipWithoutBrowser())("the console's view of the past", () => {
  const { open } = useBrowser();

  /** A service that is changed and one that goes, each in a change of its own. */
  async function startPast(options: Partial<AggregatorOptions> = {}) {
    const started = await startApi([recordOf("orders"), recordOf("stock")], {}, options);
    const { publish, get, aggregator } = started;
    const changes = async () => JSON.parse((await get("/api/v1/changes")).text).changes;
    await publish(recordOf("orders", { addresses: ["10.0.0.1", "10.0.0.2"] }));
    await expect.poll(changes, soon).toHaveLength(1);
    await publish({ subject: subjectOf("stock"), data: null });
    await expect.poll(() => aggregator.cache.get("ServiceEntry", "shop/stock"), soon).toBeUndefined();
    return started;
  }

  const way = "leads back along the stream with the keyboard, and shows the catalogue then and what differs";

  test(way, async () => {
    await walkBack(await startPast());
  });

  // Such a stream begins with the time of its creation in microseconds.
  test.skipIf(requireReal("nats-server").skip)(`${way}, of a stream of NATS`, async () => {
    const nats = await startRig();
    await walkBack(await startPast({ entryLog: await nats.open() }));
  });

  async function walkBack({ url, publish }: Awaited<ReturnType<typeof startPast>>): Promise<void> {
    const { page, faults } = await open(`${url}/#/time`);
    const slider = page.getByRole("slider", { name: "Moment" });
    await expect.poll(() => slider.getAttribute("aria-valuetext"), soon).toMatch(/^now, /);
    await slider.focus();
    await page.keyboard.press("Home");
    await page.getByText("1 changed", { exact: true }).waitFor();
    await page.getByText("1 removed", { exact: true }).waitFor();
    expect(page.url()).toMatch(/at=\d{8}T\d{9}Z-\d{16}$/);
    const shared = page.url();
    const then = page.getByRole("region", { name: "The catalogue then" });
    await then.getByRole("row", { name: /shop\/stock eureka 1 removed/ }).waitFor();
    await then.getByRole("row", { name: /shop\/orders eureka 1 changed/ }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByLabel("Part of a name").fill("ord");
    await page.keyboard.press("Enter");
    await expect.poll(() => then.getByRole("row").count(), soon).toBe(2);
    await then.getByRole("link", { name: "shop/orders" }).click();
    const diff = page.getByRole("list", { name: /^From .* to now$/ });
    await diff.getByText("spec.endpoints[10.0.0.2:8080]").waitFor();
    // Its moment stays while now moves on, and is the one that another person sees.
    await publish(recordOf("later"));
    await page.goto(shared);
    await page.getByText("1 added", { exact: true }).waitFor();
    await slider.focus();
    await page.keyboard.press("End");
    await expect.poll(() => page.url(), soon).toMatch(/#\/time$/);
    await page.getByRole("row", { name: /added shop\/later/ }).waitFor();
    await page.getByText("meshctl changes", { exact: true }).waitFor();
    expect(faults).toEqual([]);
  }

  test("leads to a change and to a time, and says from when on moments are kept", async () => {
    const { url } = await startPast();
    const { page, faults } = await open(`${url}/#/time`);
    const changed = page.getByRole("row", { name: /changed shop\/orders/ });
    await changed.getByRole("link").first().click();
    await page.getByText("1 removed", { exact: true }).waitFor();
    expect(await page.getByText("0 changed", { exact: true }).count()).toBe(1);
    await page.getByLabel("or a time").fill("2020-01-01T00:00:00");
    await page.getByRole("button", { name: "Go there" }).click();
    await page.getByRole("alert").filter({ hasText: "from when on this aggregator keeps changes" }).waitFor();
    await page.getByRole("link", { name: "Now", exact: true }).click();
    await expect.poll(() => page.url(), soon).toMatch(/#\/time$/);
    expect(faults.filter((fault) => !fault.includes("404"))).toEqual([]);
  });

  test("says that no change is kept where none is", async () => {
    const { url } = await startApi([recordOf("orders")], { history: { versions: 0 } });
    const { page } = await open(`${url}/#/time`);
    await page.getByText("Changes aren't kept: history.versions of the configuration is 0.").waitFor();
  });
});
