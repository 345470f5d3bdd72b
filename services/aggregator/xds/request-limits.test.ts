import { describe, expect, test } from "vitest";
import { GrpcStatus } from "../grpc/grpc-status.ts";
import { nodeOf, openDelta, openStream } from "./grpc-client-rig.ts";
import { requestLimits } from "./request-limits.ts";
import { Served, typeUrl } from "./served-rig.ts";

const { types, names, nodeIdChars, errorChars, nodeBytes, errorBytes, filterNames, versions } = requestLimits;
const many = (count: number) => Array.from({ length: count }, (_, index) => `n/s${index}`);

describe("what a client may make the server remember is bounded", () => {
  test("types on one stream", async () => {
    const { address } = await Served.start();
    const call = openStream(address);
    for (let index = 0; index < types; index++) {
      call.send({ typeUrl: `invented/v1/T${index}`, node: nodeOf() });
    }
    for (let index = 0; index < types; index++) await call.next();
    call.send({ typeUrl: "invented/v1/OneMore" });
    expect(await call.status).toMatchObject({ code: GrpcStatus.resourceExhausted });
  });

  test.each([
    ["names", { typeUrl, resourceNames: many(names + 1) }],
    ["a node id", { typeUrl, node: { id: "x".repeat(nodeIdChars + 1) } }],
    ["a node's metadata", { typeUrl, node: nodeOf({ odd: "x".repeat(nodeBytes) }) }],
    ["names in a filter", {
      typeUrl,
      node: nodeOf({ MESHREGISTRY_NAMESPACES: many(filterNames + 1).join(",") }),
    }],
    ["revisions", { typeUrl, node: nodeOf({ ISTIO_REVISION: many(filterNames + 1).join(",") }) }],
    ["a refusal's details", { typeUrl, errorDetail: { message: "x".repeat(errorBytes) } }],
    ["names without text", { typeUrl, resourceNames: Array.from({ length: names + 1 }, () => "") }],
    ["a type URL", { typeUrl: "x".repeat(10_000) }],
  ])("%s", async (_, request) => {
    const { address } = await Served.start();
    const call = openStream(address);
    call.send(request);
    expect(await call.status).toMatchObject({ code: GrpcStatus.resourceExhausted });
  });

  test.each([
    ["versions that a client says it has", {
      initialResourceVersions: Object.fromEntries(
        Array.from({ length: versions + 1 }, (_, i) => [`${i}`, ""]),
      ),
    }],
    ["a node's metadata, with Delta", { node: nodeOf({ odd: "x".repeat(nodeBytes) }) }],
    ["a refusal's details, with Delta", { errorDetail: { message: "x".repeat(errorBytes) } }],
  ])("%s", async (_, request) => {
    const { address } = await Served.start();
    const call = openDelta(address);
    call.send({ typeUrl, ...request });
    expect(await call.status).toMatchObject({ code: GrpcStatus.resourceExhausted });
  });

  test("names that are subscribed little by little", async () => {
    const { address } = await Served.start();
    const call = openDelta(address);
    const half = many(names).slice(0, names / 2 + 1);
    call.send({ typeUrl, node: nodeOf(), resourceNamesSubscribe: half });
    call.send({ typeUrl, resourceNamesSubscribe: half.map((name) => `${name}-b`) });
    expect(await call.status).toMatchObject({ code: GrpcStatus.resourceExhausted });
  });

  test("the text of a refusal", async () => {
    const served = await Served.start();
    served.put("orders");
    const call = openStream(served.address);
    call.send({ typeUrl, node: nodeOf() });
    const { nonce } = await call.next();
    call.send({ typeUrl, responseNonce: nonce, errorDetail: { code: 3, message: "x".repeat(1_000_000) } });
    await expect.poll(() => JSON.stringify(served.client).length).toBeGreaterThan(errorChars);
    expect(JSON.stringify(served.client).length).toBeLessThan(2 * errorChars);
  });

  test("series of a metric: refusals of invented types are one", async () => {
    const served = await Served.start();
    const call = openStream(served.address);
    for (let index = 0; index < 20; index++) {
      const invented = { typeUrl: `invented/v1/T${index}`, node: nodeOf() };
      call.send(invented);
      const { nonce } = await call.next();
      call.send({ ...invented, responseNonce: nonce, errorDetail: { code: 3, message: "no" } });
    }
    const series = async () =>
      (await served.metrics.metrics()).split("\n").filter((line) =>
        line.startsWith("meshregistry_xds_nacks_total{") && !line.endsWith(" 0")
      );
    await expect.poll(series).toEqual(['meshregistry_xds_nacks_total{type_url="other"} 20']);
  });

  test("views: filters that clients invent", { timeout: 20_000 }, async () => {
    const served = await Served.start();
    served.put("orders");
    const streams = Array.from({ length: 90 }, (_, index) => {
      const call = openStream(served.address);
      call.send({ typeUrl, node: nodeOf({ MESHREGISTRY_NAMESPACES: `shop,other-${index}` }) });
      return call;
    });
    const ends = await Promise.all(streams.map(async (call) =>
      await Promise.race([
        call.next().then(({ resources }) => `${resources.length} served`),
        call.status.then(({ code }) => `refused with ${code}`),
      ])
    ));
    const served80 = ends.filter((end) => end === "1 served").length;
    // One client less than there are views: those that have asked nothing yet are shown everything.
    expect(served80).toBeGreaterThan(70);
    expect(served80).toBeLessThanOrEqual(80);
    expect(new Set(ends)).toEqual(new Set(["1 served", `refused with ${GrpcStatus.resourceExhausted}`]));
    const whole = openStream(served.address);
    whole.send({ typeUrl, node: nodeOf() });
    expect((await whole.next()).resources).toHaveLength(1);
  });
});
