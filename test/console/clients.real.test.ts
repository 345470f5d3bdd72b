import { describe, expect, test } from "vitest";
import { recordOf, startApi } from "../../services/aggregator/api/api-rig.ts";
import { nodeOf, openStream } from "../../services/aggregator/xds/grpc-client-rig.ts";
import { accessibilityFaults, skipWithoutBrowser } from "./browser.ts";
import { useBrowser } from "./use-browser.ts";

const typeUrl = "networking.istio.io/v1/ServiceEntry";

describe.skipIf(skipWithoutBrowser())("the console's view of clients", () => {
  const { open } = useBrowser();

  test("says how far a client is behind, what it refused last, and the rates on the way to it", async () => {
    const { url, aggregator, publish } = await startApi([recordOf("orders")]);
    const client = openStream(aggregator.xdsAddresses[0] ?? "");
    client.send({ typeUrl, node: nodeOf(), responseNonce: "boot" });
    const first = await client.next();
    const { page, faults } = await open(`${url}/#/clients`);
    await page.getByRole("cell", { name: /^everything, for / }).waitFor();
    client.send({ typeUrl, versionInfo: first.versionInfo, responseNonce: first.nonce });
    await page.getByText("up to date", { exact: true }).waitFor();
    await publish(recordOf("orders", { addresses: ["10.0.0.9"] }));
    const second = await client.next();
    const evil = "shop/orders: <img src=x onerror=alert(1)>";
    const nack = { typeUrl, versionInfo: first.versionInfo, errorDetail: { message: evil } };
    client.send({ ...nack, responseNonce: second.nonce });
    await page.getByRole("cell", { name: /^1 change, for / }).waitFor();
    await page.getByText("refuses its last response").waitFor();
    await page.getByText(evil).waitFor();
    expect(await page.locator("img[src=x]").count()).toBe(0);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.goto(`${url}/#/overview`);
    await page.getByText("the furthest behind").waitFor();
    await page.getByText("MR2602").waitFor();
    await publish(recordOf("more"));
    const third = await client.next();
    client.send({ typeUrl, versionInfo: third.versionInfo, responseNonce: third.nonce });
    // The change that it refused came, and was taken with the next.
    await page.locator("dd", { hasText: /^[\d.]+ m?s$/ }).waitFor();
    await page.locator("dd", { hasText: /^(0\.\d|[1-9]\d*)$/ }).first().waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.goto(`${url}/#/clients`);
    await page.getByText("up to date", { exact: true }).waitFor();
    await page.getByRole("link", { name: "shop/orders" }).click();
    await page.getByRole("heading", { name: "shop/orders" }).waitFor();
    expect(faults).toEqual([]);
  });
});
