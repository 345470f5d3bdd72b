import { expect, test } from "vitest";
import { ActionList, HeldPreview, Released } from "../../shared/api/actions.ts";
import { soon } from "../../services/zk-collector/collector-rig.ts";
import { startHeldMesh } from "./held-rig.ts";

const withOperator = { http: { address: "127.0.0.1:0", operatorToken: "op" } };

/** A request to release what Eureka holds. */
const release = (
  headers: Readonly<Record<string, string>> = {},
  body = '{"source":"eureka"}',
): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body,
});
const operator = { authorization: "Bearer op" };

test("says what a release would do, releases, and remembers who asked for it", async () => {
  const { ask, rig, logged } = await startHeldMesh(withOperator);
  const { body } = await ask("/api/v1/held/preview?source=eureka");
  const preview = HeldPreview.parse(body);
  expect(preview).toMatchObject({ source: "eureka", unnamed: 0, clients: 0 });
  expect(
    preview.entries.map(({ name, outcome, endpoints, left, going }) => ({
      name,
      outcome,
      endpoints,
      left,
      going,
    })),
  )
    .toEqual(expect.arrayContaining([
      { name: "eureka/a", outcome: "shrunk", endpoints: 2, left: 1, going: ["10.0.0.2:8080"] },
      { name: "eureka/b", outcome: "emptied", endpoints: 1, left: 0, going: ["10.0.0.3:8080"] },
    ]));
  expect(preview.entries).toHaveLength(2);
  expect(preview.entries[0]?.heldBy).toBe(rig.collector.share.member);
  expect(await rig.endpoints()).toMatchObject({ a: "1 2", b: "3" });

  const { status, body: answer } = await ask(
    "/api/v1/held/release",
    release({ ...operator, "x-forwarded-user": "ada" }),
  );
  expect(status).toBe(200);
  expect(Released.parse(answer)).toEqual({
    source: "eureka",
    released: 0,
    collectors: [{ member: rig.collector.share.member, held: 2 }],
  });
  await expect.poll(() => rig.endpoints(), soon).toMatchObject({ a: "1", b: "" });
  await expect.poll(async () => ActionList.parse((await ask("/api/v1/actions")).body).actions, soon).toEqual([
    {
      at: expect.stringMatching(/^\d{4}-/),
      by: expect.stringMatching(/^ada at 127\.0\.0\.1:\d+$/),
      action: "release",
      source: "eureka",
      detail: "0 resources held by an aggregator, 2 losses held by collectors",
    },
  ]);
  expect(logged("could not be recorded")).toEqual([]);
});

test("lets nobody act but who has the operator's token, and no page of another site", async () => {
  const { ask, rig } = await startHeldMesh({
    http: { address: "127.0.0.1:0", token: "read", operatorToken: "op" },
  });
  const reader = { authorization: "Bearer read" };
  const debug = "/meshregistry/collectors/eureka/held/release";
  expect((await ask("/api/v1/held/release", release())).status).toBe(401);
  expect(await ask("/api/v1/held/release", release(reader))).toMatchObject({
    status: 401,
    body: { error: expect.stringContaining("http.operatorToken") },
  });
  expect((await ask(debug, { method: "POST", headers: reader })).status).toBe(401);
  for (const site of ["cross-site", "same-site"]) {
    for (const path of [debug, "/api/v1/held/release"]) {
      const headers = { ...operator, "sec-fetch-site": site, "sec-fetch-mode": "navigate" };
      expect((await ask(path, release(headers))).status, `${site} ${path}`).toBe(403);
    }
  }
  expect((await ask("/api/v1/held/release", release(operator, "{"))).status).toBe(400);
  expect((await ask("/api/v1/held/release", release(operator, '{"source":"mars"}'))).status).toBe(404);
  expect((await ask("/api/v1/held/release", release(operator, `"${"x".repeat(9_000)}"`))).status).toBe(413);
  expect((await ask("/api/v1/actions", { headers: reader })).body).toEqual({ actions: [] });
  expect(rig.publisher.held().size).toBe(2);
  // The operator may read as well.
  expect((await ask("/api/v1/overview", { headers: operator })).status).toBe(200);
  expect((await ask(debug, { method: "POST", headers: operator })).status).toBe(200);
});

test("only reads where no operator's token is set; the debug API acts as before", async () => {
  const { ask, rig } = await startHeldMesh();
  expect(await ask("/api/v1/held/release", release())).toMatchObject({
    status: 403,
    body: { error: expect.stringContaining("http.operatorToken") },
  });
  expect(rig.publisher.held().size).toBe(2);
  expect((await ask("/meshregistry/collectors/eureka/held/release", { method: "POST" })).status).toBe(200);
  await expect.poll(() => rig.publisher.held().size, soon).toBe(0);
});

test("says how many losses a collector holds that doesn't answer", async () => {
  const { ask, renew } = await startHeldMesh();
  await renew({
    registry: "eureka",
    source: "default",
    member: "silent",
    version: "0",
    startedAt: "",
    state: "ready",
    lastReadAt: null,
    error: null,
    failingSince: null,
    settledTerm: "1",
    published: 0,
    held: 7,
  });
  const { body } = await ask("/api/v1/held/preview?source=eureka");
  const preview = HeldPreview.parse(body);
  expect([preview.entries.length, preview.unnamed]).toEqual([2, 7]);
  expect((await ask("/api/v1/held/preview?source=mars")).status).toBe(404);
  expect((await ask("/api/v1/held/preview")).status).toBe(400);
});
