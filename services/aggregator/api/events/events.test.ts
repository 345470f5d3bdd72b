import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { ServiceRow } from "../../../../shared/api/services.ts";
import { Overview } from "../../../../shared/api/state.ts";
import { recordOf, startApi, subjectOf } from "../api-rig.ts";
import { ChangeRing } from "./change-ring.ts";

const Changes = z.object({ rows: z.array(ServiceRow), gone: z.array(z.string()), position: z.string() });

/** Listens as a browser does: what it has received so far. */
async function listen(request: Awaited<ReturnType<typeof startApi>>["request"], lastId?: string) {
  const response = await request("/events", lastId === undefined ? {} : { "last-event-id": lastId });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const reading = (async () => {
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
      text += next.value;
    }
  })();
  const stop = async () => {
    await reader?.cancel();
    await reading;
  };
  onTestFinished(stop);
  const events = () =>
    text.split("\n\n").filter((part) => part.startsWith("event:")).map((part) => {
      const [, event = ""] = /^event: (.*)$/m.exec(part) ?? [];
      const [, id = ""] = /^id: (.*)$/m.exec(part) ?? [];
      const [, data = ""] = /^data: (.*)$/m.exec(part) ?? [];
      return { event, id, data };
    });
  const changes = () =>
    events().filter(({ event }) => event === "services").map(({ data }) => Changes.parse(JSON.parse(data)));
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    events,
    names: () => changes().flatMap(({ rows }) => rows.map(({ name }) => name)),
    gone: () => changes().flatMap(({ gone }) => gone),
    lastId: () => events().findLast(({ id }) => id !== "")?.id ?? "",
    stop,
  };
}

test("tells changes as they happen, with the figures", async () => {
  const { request, publish } = await startApi([recordOf("orders")]);
  const browser = await listen(request);
  expect(browser.type).toBe("text/event-stream");
  await expect.poll(() => browser.events().map(({ event }) => event)).toEqual(["hello", "overview"]);
  await publish(recordOf("stock"));
  await publish({ subject: subjectOf("orders"), data: null });
  await expect.poll(() => browser.names()).toContain("shop/stock");
  await expect.poll(() => browser.gone()).toContain("shop/orders");
  const figures = () =>
    browser.events().filter(({ event }) => event === "overview").map(({ data }) =>
      Overview.parse(JSON.parse(data))
    );
  await expect.poll(() => figures().at(-1)?.services).toBe(1);
});

test("a browser that slept gets each change that it has missed, once", async () => {
  const { request, publish, aggregator } = await startApi([recordOf("orders"), recordOf("old")]);
  const first = await listen(request);
  await expect.poll(() => first.lastId()).not.toBe("");
  await first.stop();
  await publish(
    recordOf("orders", { addresses: ["10.0.0.8"] }),
    recordOf("orders", { addresses: ["10.0.0.9"] }),
  );
  await publish(recordOf("new"), { subject: subjectOf("old"), data: null });
  await expect.poll(() => aggregator.cache.get("ServiceEntry", "shop/old")).toBeUndefined();
  const second = await listen(request, first.lastId());
  await expect.poll(() => second.names().toSorted()).toEqual(["shop/new", "shop/orders"]);
  expect(second.gone()).toEqual(["shop/old"]);
});

test("an id of another process, or of long ago, means that everything has to be read", async () => {
  const { request } = await startApi([recordOf("orders")]);
  for (const id of ["0123456789ab.1", "nonsense", "0123456789ab.x"]) {
    const browser = await listen(request, id);
    await expect.poll(() => browser.events()[0]?.event).toBe("reset");
  }
});

test("there is an end to how many streams are open, and one that ends makes room", async () => {
  const { request } = await startApi();
  const open: Awaited<ReturnType<typeof listen>>[] = [];
  for (let index = 0; index < 128; index++) open.push(await listen(request));
  expect(new Set(open.map(({ status }) => status))).toEqual(new Set([200]));
  const refused = await request("/events");
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("10");
  await open[0]?.stop();
  await expect.poll(async () => (await listen(request)).status).toBe(200);
});

test("the ring knows what it has, and says what it has forgotten", () => {
  const ring = new ChangeRing(10, 3);
  ring.add(["a", "b", "a"].map((name, index) => ({ number: 11 + index, name })));
  expect([...ring.since(10) ?? []].toSorted()).toEqual(["a", "b"]);
  expect([...ring.since(12) ?? []]).toEqual(["a"]);
  expect([...ring.since(13) ?? []]).toEqual([]);
  expect(ring.since(9)).toBeUndefined();
  ring.add(["c", "d", "e", "f"].map((name, index) => ({ number: 14 + index, name })));
  expect(ring.since(10)).toBeUndefined();
  expect([...ring.since(14) ?? []].toSorted()).toEqual(["d", "e", "f"]);
  ring.lose(20);
  expect(ring.since(17)).toBeUndefined();
  expect(ring.since(20)?.size).toBe(0);
});
