import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { recordOf, startApi } from "../../services/aggregator/api/api-rig.ts";
import { sidecarRecord } from "../../services/aggregator/dependencies/sidecar-rig.ts";
import { leaseOf } from "../../services/aggregator/sources/lease-rig.ts";
import { SimulatedIstiod } from "../../services/aggregator/xds/simulated-istiod-rig.ts";
import { tabs } from "../../services/console/page/route.ts";
import { texts } from "../../services/console/page/texts.ts";
import type { LogRecord } from "../../shared/entry-log/entry-log.ts";
import { accessibilityFaults, skipWithoutBrowser } from "./browser.ts";
import { soon, useBrowser } from "./use-browser.ts";

/** Where screenshots are left for people; nowhere unless it is named. */
const shots = process.env["SCREENSHOTS"];

/** Two sources that share a host, and a message that can't be served. */
const few = () => [
  recordOf("orders", { addresses: ["10.0.0.7"], endpointLabels: { application: "shop", zone: "a" } }),
  recordOf("both", { hosts: ["both.shop"], addresses: ["10.0.0.1"] }),
  recordOf("both", { registry: "nacos", hosts: ["both.shop"], addresses: ["10.0.0.2"] }),
  recordOf("bad", { hosts: ["no host"] }),
];

/** The same among ten thousand services of five endpoints, some of which a hundred applications call. */
function many(): readonly LogRecord[] {
  const address = (service: number, endpoint: number) =>
    `10.${1 + endpoint}.${Math.floor(service / 250)}.${1 + service % 250}`;
  const services = Array.from(
    { length: 10_000 },
    (_, index) =>
      recordOf(`s${String(index).padStart(5, "0")}`, {
        addresses: [0, 1, 2, 3, 4].map((endpoint) => address(index, endpoint)),
        endpointLabels: { application: `app${index % 500}` },
      }),
  );
  const sidecars = Array.from(
    { length: 100 },
    (_, index) =>
      sidecarRecord(`app${index}`, Array.from({ length: 20 }, (_, called) => `s0${index}${called}.shop`)),
  );
  const bad = Array.from({ length: 50 }, (_, index) => recordOf(`bad${index}`, { hosts: ["no host"] }));
  return [...few(), ...services, ...sidecars, ...bad];
}

/** An address of each view, and a text that it shows. */
const views: readonly (readonly [hash: string, text: string])[] = [
  ["#/overview", "MR2102"],
  ["#/services", "shop/both"],
  ["#/service?name=shop%2Fboth", "10.0.0.2"],
  ["#/time", "shop/orders"],
  ["#/trace?text=10.0.0.7", "shop/orders is on the stream."],
  ["#/dependencies?by=service&name=shop%2Forders", "What breaks if it goes ("],
  ["#/clients", "up to date"],
  ["#/problems", "both.shop"],
  ["#/release?source=eureka", "Nothing is held back."],
  ["#/dryrun", "Nothing is published."],
];

/** An aggregator with these entries, a client, and a change that it has seen. */
async function startWith(records: readonly LogRecord[]) {
  const started = await startApi(records);
  const { aggregator, publish, get, renew } = started;
  const istiod = new SimulatedIstiod();
  istiod.connect(aggregator.xdsAddresses);
  const beat = () => void renew(leaseOf("one"));
  beat();
  const timer = setInterval(beat, 500);
  onTestFinished(() => clearInterval(timer));
  await publish(
    recordOf("orders", { addresses: ["10.0.0.7", "10.0.0.8"], endpointLabels: { application: "shop" } }),
  );
  const changes = async () => JSON.parse((await get("/api/v1/changes")).text).changes;
  await expect.poll(changes, soon).toHaveLength(1);
  return started;
}

async function keep(page: Page, name: string): Promise<void> {
  if (shots === undefined) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`) });
}

describe.skipIf(skipWithoutBrowser())("every view of the console", () => {
  const { open, show } = useBrowser();

  describe.each([["a few services", "few", few], ["ten thousand services", "many", many]] as const)(
    "with %s",
    (_, size, records) => {
      test.each(["light", "dark"] as const)(
        "opens, %s, without a message of the browser, a request to elsewhere or a barrier that axe finds",
        async (scheme) => {
          const { url } = await startWith(records());
          const { page, faults } = await open(`${url}/`, scheme);
          for (const [hash, text] of views) {
            await page.goto(`${url}/${hash}`);
            await page.getByText(text).first().waitFor();
            expect(await accessibilityFaults(page), hash).toEqual([]);
            expect(await page.locator("footer.same code").innerText(), hash).toMatch(/^meshctl /);
            await page.getByRole("button", { name: texts.copyLink }).waitFor();
            await keep(page, `${/\w+/.exec(hash)?.[0] ?? ""}-${size}-${scheme}`);
          }
          expect(faults).toEqual([]);
        },
      );
    },
  );

  test("is reached by the keyboard alone, and so is all that it has", async () => {
    const { url } = await startWith(few());
    const { page, faults } = await open(`${url}/`);
    const focused = page.locator(":focus");
    // The link to the content, the name, then a tab after the other.
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    for (const tab of tabs) {
      await page.keyboard.press("Tab");
      expect(await focused.innerText()).toContain(texts.views[tab]);
      await page.keyboard.press("Enter");
      await expect.poll(() => page.url(), soon).toContain(`#/${tab}`);
      await page.locator(`a[href="#/${tab}"][aria-current="page"]`).waitFor();
    }
    for (const [hash, text] of views) {
      await page.goto(`${url}/${hash}`);
      await page.reload();
      await page.getByText(text).first().waitFor();
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      // To the last thing of the view: nothing holds the focus, and it can be seen all the way.
      for (let steps = 0; (await focused.innerText().catch(() => "")) !== texts.copyLink; steps++) {
        expect(steps, `${hash}: the focus doesn't get to the foot`).toBeLessThan(120);
        await page.keyboard.press("Tab");
      }
    }
    expect(faults).toEqual([]);
  });

  test("shows names as they are, whatever a registry holds", async () => {
    const evil = "<img src=x onerror=\"document.title='taken'\">";
    const { url, publish } = await startApi([
      recordOf("x", { labels: { app: evil }, endpointLabels: { "a.b/c": evil } }),
    ]);
    await publish(recordOf("x", { spec: { exportTo: [evil] } }), recordOf("y", { hosts: [evil] }));
    const { page } = await show(`${url}/`);
    const name = encodeURIComponent(evil);
    for (
      const hash of [
        `#/services?q=${name}&source=${name}&flag=${name}&sort=${name}&columns=${name}&row=${name}`,
        `#/service?name=${name}`,
        `#/service?name=shop%2Fx&at=${name}&source=${name}`,
        `#/time?at=${name}&q=${name}`,
        "#/time",
        `#/dependencies?by=service&name=${name}`,
        `#/release?source=${name}`,
        `#/trace?text=${name}`,
        "#/problems",
      ]
    ) {
      await page.goto(`${url}/${hash}`);
      await page.locator("main footer.same").waitFor();
      await expect.poll(() => page.getByText(texts.loading, { exact: true }).count(), {
        ...soon,
        message: hash,
      })
        .toBe(0);
      expect(await page.locator("img[src=x], #app script").count(), hash).toBe(0);
      expect(await page.title(), hash).not.toBe("taken");
    }
  });
});
