import { describe, expect, onTestFinished, test } from "vitest";
import { recordOf, startApi, subjectOf } from "../../services/aggregator/api/api-rig.ts";
import { leaseOf } from "../../services/aggregator/sources/lease-rig.ts";
import { up } from "../../services/eureka-collector/eureka-rig.ts";
import { startMesh } from "../dry-run/dry-run-rig.ts";
import { startHeldMesh } from "../trace/held-rig.ts";
import { skipWithoutBrowser } from "./browser.ts";
import { soon, useBrowser } from "./use-browser.ts";

describe.skipIf(skipWithoutBrowser())("the console's actions and comparisons", () => {
  const { open } = useBrowser();

  test("releases held losses after a preview, with the operator's token and the keyboard alone", async () => {
    const { url, rig, logged } = await startHeldMesh({
      http: { address: "127.0.0.1:0", operatorToken: "op" },
    });
    const { page, faults } = await open(`${url}/#/problems`);
    await page.getByRole("link", { name: "See what releasing eureka would do" }).click();
    await page.getByRole("row", { name: /eureka\/a fewer endpoints 2 → 1 10\.0\.0\.2:8080/ }).waitFor();
    await page.getByRole("row", { name: /eureka\/b without endpoints 1 → 0 10\.0\.0\.3:8080/ }).waitFor();
    await page.getByLabel("Operator's token").focus();
    await page.keyboard.type("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "operator's token" }).waitFor();
    expect(rig.publisher.held().size).toBe(2);
    await page.getByLabel("Operator's token").focus();
    await page.keyboard.type("op");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("status").filter({ hasText: "Asked to release 2 losses" }).waitFor();
    await expect.poll(() => rig.endpoints(), soon).toMatchObject({ a: "1", b: "" });
    await page.getByText("Nothing is held back.").waitFor();
    await page.goto(`${url}/#/problems`);
    await page.getByText("released held losses").waitFor();
    expect(logged("asked to let go what is held of eureka")).not.toEqual([]);
    // What the browser says of the refused token is meant for developers.
    expect(faults.filter((fault) => !fault.includes("401"))).toEqual([]);
  });

  test("says that it only reads where there is no operator's token", async () => {
    const { url, rig } = await startHeldMesh();
    const { page } = await open(`${url}/#/release?source=eureka`);
    await page.getByRole("button", { name: "Release 2 losses" }).click();
    await page.getByRole("alert").filter({ hasText: "only reads" }).waitFor();
    expect(rig.publisher.held().size).toBe(2);
  });

  test("shows what happened to a service, and what differs since, also when it is gone", async () => {
    const { url, publish, get } = await startApi([recordOf("orders", { addresses: ["10.0.0.7"] })]);
    await publish(recordOf("orders", { addresses: ["10.0.0.7", "10.0.0.8"] }));
    const history = async () => JSON.parse((await get("/api/v1/services/shop/orders/history")).text).changes;
    // Of two changes at once a reader sees the second only.
    await expect.poll(history, soon).toHaveLength(1);
    await publish(recordOf("orders", { addresses: ["10.0.0.8", "10.0.0.9"] }));
    const { page, faults } = await open(`${url}/#/service?name=shop%2Forders`);
    const changes = page.locator(".timeline > li");
    await expect.poll(() => changes.count(), soon).toBe(2);
    expect(await changes.first().innerText()).toContain("spec.endpoints[10.0.0.9:8080]");
    await changes.last().getByRole("link", { name: "what differs since" }).click();
    const diff = page.getByRole("list", { name: /^From before .* to now$/ });
    await diff.waitFor();
    expect(await diff.getByText("removed: ").count()).toBe(1);
    expect(await diff.getByText("added: ").count()).toBe(2);
    await publish({ subject: subjectOf("orders"), data: null });
    await page.getByText("removed", { exact: true }).waitFor();
    await page.getByRole("link", { name: "Close the comparison" }).click();
    await page.getByText("no service shop/orders is served").waitFor();
    await expect.poll(() => changes.count(), soon).toBe(3);
    expect(faults.filter((fault) => !fault.includes("404"))).toEqual([]);
  });

  test("compares what is pasted with what a source has published", async () => {
    const { url } = await startApi([recordOf("orders"), recordOf("stays")]);
    const manifest = (name: string, address: string, hosts = [`${name}.shop`]) => ({
      ...JSON.parse(Buffer.from(recordOf(name, { addresses: [address], hosts }).data ?? []).toString()),
    });
    const { page, faults } = await open(`${url}/#/dryrun`);
    const field = page.getByLabel("An answer of the registry, or resources");
    const compare = async (text: string) => {
      await field.fill(text);
      await page.getByRole("button", { name: "Compare" }).click();
    };
    await expect.poll(() => page.getByRole("combobox").inputValue(), soon).toBe("eureka");
    await compare(JSON.stringify([
      manifest("orders", "10.0.0.9"),
      manifest("new", "10.0.0.1"),
      manifest("bad", "10.0.0.1", ["no host"]),
    ]));
    await page.getByText("1 gone").waitFor();
    for (const count of ["1 new", "1 changed", "1 rejected", "0 unchanged"]) {
      await page.getByText(count).waitFor();
    }
    await page.getByRole("list", { name: "shop/orders" }).getByText("spec.endpoints[10.0.0.9:8080]")
      .waitFor();
    await compare("{");
    await page.getByRole("alert").filter({ hasText: "This is no JSON" }).waitFor();
    await compare('[{"apiVersion": "networking.istio.io/v1", "kind": "Pod"}]');
    await page.getByRole("alert").filter({ hasText: "manifests.0" }).waitFor();
    // Without a collector there is none that could convert.
    await compare('{"applications": {"application": []}}');
    await page.getByRole("alert").filter({ hasText: "no collector of eureka is alive" }).waitFor();
    await page.getByLabel("or a file with it").setInputFiles({
      name: "dry.json",
      mimeType: "application/json",
      buffer: Buffer.from(JSON.stringify([manifest("orders", "10.0.0.1"), manifest("stays", "10.0.0.1")])),
    });
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByText("Nothing would change.").waitFor();
    expect(faults.filter((fault) => !fault.includes("400") && !fault.includes("503"))).toEqual([]);
  });

  test("has a collector convert what is pasted, with another configuration, too", async () => {
    const { aggregator, answer, registry } = await startMesh();
    registry.register("C", up("3"));
    const { page, faults } = await open(`${aggregator.http.url}/#/dryrun`);
    await expect.poll(() => page.getByRole("combobox").inputValue(), soon).toBe("eureka");
    const name = "<img src=x onerror=alert(1)>";
    const instance = { instanceId: name, ipAddr: name, status: "UP", port: { $: 1, "@enabled": "true" } };
    registry.register(name, { ...up("4"), ...instance });
    await page.getByLabel("An answer of the registry").fill(JSON.stringify(await answer()));
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByRole("list", { name: "Remarks on the answer" }).getByText(name).first().waitFor();
    await page.getByText("With another configuration").click();
    const eurekaSource = { enabled: true, address: ["http://127.0.0.1:1"], nsHost: false, svcPort: 7777 };
    await page.getByLabel("Configuration in the place").fill(JSON.stringify({ eurekaSource }));
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByText("7777").first().waitFor();
    expect(await page.locator("img[src=x]").count()).toBe(0);
    expect(faults).toEqual([]);
  });

  test("has a collector read its registry anew for another configuration, with the operator's token", async () => {
    const { aggregator } = await startMesh({ http: { address: "127.0.0.1:0", operatorToken: "op" } });
    const { page, faults } = await open(`${aggregator.http.url}/#/dryrun`);
    await expect.poll(() => page.getByRole("combobox").inputValue(), soon).toBe("eureka");
    await page.getByText("With another configuration").click();
    const eurekaSource = { enabled: true, address: ["http://127.0.0.1:1"], nsHost: false, svcPort: 7777 };
    await page.getByLabel("Configuration in the place").fill(JSON.stringify({ eurekaSource }));
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByRole("alert").filter({ hasText: "operator's token" }).waitFor();
    await page.getByLabel("Operator's token").fill("op");
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByText("7777").first().waitFor();
    expect(faults.filter((fault) => !fault.includes("401"))).toEqual([]);
  });

  test("names collectors that live and haven't published their share", async () => {
    const { url, renew } = await startApi([recordOf("orders")]);
    const beat = () => renew(leaseOf("one", { unsettled: ["two", "one"] }));
    await beat();
    const timer = setInterval(() => void beat(), 500);
    onTestFinished(() => clearInterval(timer));
    await renew(leaseOf("two", { settledTerm: "" }));
    const { page } = await open(`${url}/#/overview`);
    await page.getByText(/still publishing: /).waitFor();
  });
});
