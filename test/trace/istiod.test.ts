import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { recordOf, startApi } from "../../services/aggregator/api/api-rig.ts";
import { freePort } from "../servers/free-port.ts";
import { Trace } from "../../shared/api/trace.ts";

/** A debug API that answers so; it ends with the test. */
async function startDebug(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${port}`;
}

/** As istiod writes it. */
const stored = (name: string, resourceVersion: string, kind = "ServiceEntry") => ({
  kind,
  apiVersion: "networking.istio.io/v1",
  metadata: { name, namespace: "shop", resourceVersion, creationTimestamp: null },
  spec: { hosts: ['{}"'] },
});

/** What the last station says, by the address. */
async function istiodStage(debug: readonly string[], more: object = {}) {
  const { ask, aggregator } = await startApi([recordOf("orders")], { istiod: { debug, ...more } });
  await expect.poll(() => aggregator.cache.get("ServiceEntry", "shop/orders")).toBeDefined();
  const { stages, verdict } = await ask("/trace?service=shop/orders", Trace);
  const stage = stages.find((each) => each.stage === "istiod");
  return {
    verdict,
    stages,
    codes: stage?.verdicts.map(({ code, details }) => [details["istiod"], code]),
    texts: stage?.verdicts.map(({ text }) => text).join("\n"),
    version: aggregator.cache.get("ServiceEntry", "shop/orders")?.version ?? "",
  };
}

test("each istiod says what it has, and one that doesn't answer leaves the others as they are", async () => {
  let version = "";
  const json = (value: () => unknown): RequestListener => (_request, response) =>
    response.end(JSON.stringify(value()));
  const all = [
    await startDebug(json(() => [stored("orders", "1", "Sidecar"), stored("orders", version)])),
    await startDebug(json(() => [stored("orders", "another")])),
    await startDebug(json(() => [stored("order", "1"), {}])),
    await startDebug((_request, response) => response.writeHead(401).end()),
    await startDebug((_request, response) =>
      response.end('[{"kind":"ServiceEntry","metadata":{"name" "x"}}]')
    ),
    await startDebug((_request, response) => {
      response.writeHead(200, { "content-length": "1000" }).write("[");
      response.destroy();
    }),
    `http://127.0.0.1:${await freePort()}`,
  ];
  const { version: served } = await istiodStage([]);
  version = served;
  const { codes, stages, texts } = await istiodStage(all);
  expect(codes).toEqual([
    [all[0], "MR2701"],
    [all[1], "MR2702"],
    [all[2], "MR2703"],
    ...all.slice(3).map((address) => [address, "MR2704"]),
  ]);
  expect(texts).toContain("it answers with 401");
  expect(stages.find(({ stage }) => stage === "stream")?.verdict).toBe("ok");
});

test("what is no complete list of configurations is no evidence that a service is missing", async () => {
  const answers = [
    "<html><script>[]</script></html>",
    "",
    "null",
    '{"items": []}',
    '[{"kind": "ServiceEntry"}, ',
    '[{"kind": "Serv',
    '["',
  ];
  const all = await Promise.all(
    answers.map((answer) => startDebug((_request, response) => response.end(answer))),
  );
  const { codes, texts } = await istiodStage([...all, await startDebug((_request, res) => res.end(" []\n"))]);
  expect(codes?.map(([, code]) => code)).toEqual([...all.map(() => "MR2704"), "MR2703"]);
  expect(texts).toContain("no list of configurations");
});

test("without an address there is no such station", async () => {
  const { codes, stages } = await istiodStage([]);
  expect(codes).toBeUndefined();
  expect(stages.at(-1)?.stage).toBe("acknowledgement");
});

test("the token of the file is sent, and never shown", async () => {
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-token-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const bearerFile = join(folder, "token");
  writeFileSync(bearerFile, "a-secret\n");
  const given: (string | undefined)[] = [];
  const url = await startDebug(({ headers, url: path }, response) => {
    given.push(`${path} ${headers.authorization}`);
    response.writeHead(403).end("a-secret");
  });
  const { texts } = await istiodStage([url], { bearerFile });
  expect(given).toEqual(["/debug/configz Bearer a-secret"]);
  expect(texts).toContain("403");
  expect(texts).not.toContain("a-secret");
  expect((await istiodStage([url], { bearerFile: join(folder, "none") })).codes).toEqual([[url, "MR2704"]]);
});
