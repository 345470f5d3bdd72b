import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ServiceEntrySchema } from "../../../protos/gen/istio/networking/v1alpha3/service_entry_pb.ts";
import { clientsAsSlime } from "../debug/clients.ts";
import { mcpResourceTypeUrl } from "../output-stage/encode/encode-resource.ts";
import { nodeOf, openDelta, openStream, unwrapped } from "./grpc-client-rig.ts";
import { Served, typeUrl } from "./served-rig.ts";

const bodyUrl = "type.googleapis.com/istio.networking.v1alpha3.ServiceEntry";

const hostsOf = (body: Uint8Array | undefined) =>
  fromBinary(ServiceEntrySchema, body ?? new Uint8Array()).hosts;

describe("over a real socket", () => {
  test("state of the world", async () => {
    const served = await Served.start();
    served.put("orders");
    const call = openStream(served.address);
    call.send({ typeUrl, node: nodeOf(), responseNonce: "2026-11-22 16:00:00.1 +0000 UTC m=+0.1" });
    const first = await call.next();
    expect(unwrapped(first.resources).map(({ metadata }) => metadata?.name)).toEqual(["shop/orders"]);
    call.send({ typeUrl, versionInfo: first.versionInfo, responseNonce: first.nonce });
    served.put("cart");
    const second = await call.next();
    expect(second.resources).toHaveLength(2);
    expect(served.client).toMatchObject({ dialect: "stateOfTheWorld" });
  });

  test.each(
    [
      ["stateOfTheWorld", openStream, nodeOf(), "clock"],
      ["incremental", openStream, nodeOf({ MESHREGISTRY_DIALECT: "incremental" }), ""],
      ["delta", openDelta, nodeOf(), ""],
    ] as const,
  )(
    "%s: a change is timed to its acknowledgement, the beginning isn't",
    async (dialect, open, node, clock) => {
      const served = await Served.start();
      const timed = async () => {
        const metric = served.metrics.getSingleMetric("meshregistry_change_to_ack_seconds");
        const { values = [] } = await metric?.get() ?? {};
        const counts = values.filter(({ labels }) => labels["dialect"] === dialect);
        return counts.find((value) => "metricName" in value && String(value.metricName).endsWith("_count"))
          ?.value;
      };
      served.put("orders");
      const call = open(served.address);
      call.send({ typeUrl, node, responseNonce: clock });
      const first = await call.next();
      call.send({ typeUrl, responseNonce: first.nonce });
      await expect.poll(() => served.client["types"]).toMatchObject([{ waitingForAckMs: null }]);
      expect(await timed()).toBe(0);
      served.put("cart");
      call.send({ typeUrl, responseNonce: (await call.next()).nonce });
      await expect.poll(timed).toBe(1);
    },
  );

  test("a client sees what its node metadata asks for, in every dialect", async () => {
    const served = await Served.start();
    served.put("orders");
    for (const [namespaces, count] of [["other, shop", 1], ["other", 0]] as const) {
      const node = nodeOf({ MESHREGISTRY_NAMESPACES: namespaces });
      const incremental = nodeOf({
        MESHREGISTRY_NAMESPACES: namespaces,
        MESHREGISTRY_DIALECT: "incremental",
      });
      for (
        const [call, request] of [
          [openStream(served.address), { typeUrl, node, responseNonce: "clock" }],
          [openStream(served.address), { typeUrl, node: incremental }],
          [openDelta(served.address), { typeUrl, node }],
        ] as const
      ) {
        call.send(request);
        expect((await call.next()).resources).toHaveLength(count);
      }
    }
  });

  test("Delta: resources with names and versions, removals, refusals by name", async () => {
    const served = await Served.start();
    for (const name of ["orders", "cart"]) served.put(name);
    const call = openDelta(served.address);
    call.send({ typeUrl, node: nodeOf() });
    const first = await call.next();
    expect(first).toMatchObject({ typeUrl, controlPlane: { identifier: "replica-1" }, removedResources: [] });
    expect(first.resources.map(({ name }) => name).sort()).toEqual(["shop/cart", "shop/orders"]);
    for (const { name, version, resource } of first.resources) {
      expect(resource?.typeUrl).toBe(mcpResourceTypeUrl);
      const [{ metadata, body } = {}] = unwrapped([resource]);
      expect(metadata).toMatchObject({ name, version });
      expect(body?.typeUrl).toBe(bodyUrl);
      expect(version).toBe(served.cache.get("ServiceEntry", name)?.version);
    }
    call.send({ typeUrl, responseNonce: first.nonce });
    served.put("orders", "other.example");
    served.delete("cart");
    const second = await call.next();
    expect(second.resources.map(({ name }) => name)).toEqual(["shop/orders"]);
    expect(second.removedResources).toEqual(["shop/cart"]);
    const errorDetail = { message: "ServiceEntry/shop/orders: no" };
    call.send({ typeUrl, responseNonce: second.nonce, errorDetail });
    expect((await call.next()).removedResources).toEqual(["shop/cart"]);
    expect(served.client).toMatchObject({
      dialect: "delta",
      types: [{
        refusals: 1,
        refusedNow: ["shop/orders"],
        lastError: errorDetail.message,
        lastErrorNames: ["shop/orders"],
        acknowledgedVersion: "s-000002",
        sentVersion: "s-000004",
        pushes: 3,
        waitingForAckMs: expect.any(Number),
      }],
    });
    const { metrics } = served;
    expect(await metrics.metrics()).toContain(
      `meshregistry_mcp_push_count{kind="ServiceEntry",dialect="delta"} 3`,
    );
  });

  test("Delta: bodies alone, for clients that say so or ask for their type", async () => {
    const served = await Served.start();
    served.put("orders");
    for (
      const [type, metadata] of [
        [typeUrl, { MESHREGISTRY_RESOURCES: "bare" }],
        [bodyUrl, {}],
      ] as const
    ) {
      const call = openDelta(served.address);
      call.send({ typeUrl: type, node: nodeOf(metadata) });
      const { typeUrl: answered, resources: [resource] } = await call.next();
      expect(answered).toBe(type);
      expect(resource).toMatchObject({ name: "shop/orders", resource: { typeUrl: bodyUrl } });
      expect(hostsOf(resource?.resource?.value)).toEqual(["orders.example"]);
    }
  });

  test("Delta: no message is longer than the limit, and a client of another replica is resent nothing", async () => {
    const [one, two] = [await Served.start({ maxMessageBytes: 5000 }), await Served.start()];
    for (let index = 0; index < 100; index++) {
      one.put(`service-${index}`);
      two.put(`service-${index}`);
    }
    const call = openDelta(one.address);
    call.send({ typeUrl, node: nodeOf() });
    const versions: Record<string, string> = {};
    let parts = 0;
    while (Object.keys(versions).length < 100) {
      const { resources, nonce } = await call.next();
      for (const { name, version } of resources) versions[name] = version;
      parts++;
      call.send({ typeUrl, responseNonce: nonce });
    }
    expect(parts).toBeGreaterThan(3);
    const bytes = Number(/"bytes":(\d+)/.exec(JSON.stringify(one.client))?.[1]);
    expect(bytes / parts).toBeLessThan(5000);
    const other = openDelta(two.address);
    other.send({ typeUrl, node: nodeOf(), initialResourceVersions: versions });
    expect(await other.next()).toMatchObject({ resources: [], removedResources: [] });
  });

  test("incremental: everything, then changes, deletions without body", async () => {
    const served = await Served.start({ enableIncPush: true });
    for (const name of ["orders", "cart"]) served.put(name);
    const call = openStream(served.address);
    call.send({ typeUrl, node: nodeOf({ ISTIO_REVISION: "canary" }) });
    const first = await call.next();
    expect(first).toMatchObject({ nonce: "s-000002" });
    expect(first.resources).toHaveLength(2);
    call.send({ typeUrl, versionInfo: first.versionInfo, responseNonce: first.nonce });
    served.put("orders", "other.example");
    served.delete("cart");
    const second = await call.next();
    expect(second.nonce).toBe("s-000004");
    const [changed, gone] = unwrapped(second.resources);
    expect(hostsOf(changed?.body?.value)).toEqual(["other.example"]);
    expect(gone).toMatchObject({
      metadata: {
        name: "shop/cart",
        version: "s-000004",
        annotations: { ResourceVersion: "s-000004" },
        labels: {},
      },
    });
    expect(gone?.body).toBeUndefined();
    // Its reader refuses a whole response if one resource has no time of creation.
    expect(gone?.metadata?.createTime).toBeDefined();
    call.send({ typeUrl, versionInfo: second.versionInfo, responseNonce: second.nonce });
    served.put("orders", "other.example", "stable");
    const [moved] = unwrapped((await call.next()).resources);
    expect(moved).toMatchObject({ metadata: { name: "shop/orders", labels: { "istio.io/rev": "canary" } } });
    expect(moved?.body).toBeUndefined();
    const slimes = JSON.stringify(clientsAsSlime(served.server.clients));
    expect(slimes).toContain(`"PushStatus":{"${typeUrl}":{"PushVer":"s-000005","AckVer":"s-000004"}}`);
  });
});

describe("a client that doesn't acknowledge", () => {
  test("is dropped after a while, and counted", async () => {
    const served = await Served.start({ ackTimeout: 100 });
    served.put("orders");
    const call = openDelta(served.address);
    call.send({ typeUrl, node: nodeOf() });
    await call.next();
    expect(await call.status).toMatchObject({ code: 14, details: expect.stringContaining(typeUrl) });
    expect([...served.server.clients]).toEqual([]);
    expect(await served.metrics.metrics()).toContain(`dropped_clients_total{reason="ack-timeout"} 1`);
  });

  test("is the only one that goes", async () => {
    const served = await Served.start({ ackTimeout: 1000 });
    const call = openStream(served.address);
    call.send({ typeUrl, node: nodeOf(), responseNonce: "clock" });
    const first = await call.next();
    call.send({ typeUrl, responseNonce: first.nonce });
    await expect.poll(() => JSON.stringify(served.client)).toContain(`"waitingForAckMs":null`);
    const silent = openStream(served.address);
    silent.send({ typeUrl, node: nodeOf() });
    expect(await silent.status).toMatchObject({ code: 14 });
    served.put("orders");
    expect((await call.next()).resources).toHaveLength(1);
  });
});

test("deletions are forgotten once everybody has them", async () => {
  const served = await Served.start({ enableIncPush: true });
  served.put("orders");
  const calls = [openStream(served.address), openStream(served.address)];
  for (const call of calls) call.send({ typeUrl, node: nodeOf() });
  for (const call of calls) {
    const { nonce } = await call.next();
    call.send({ typeUrl, responseNonce: nonce });
  }
  served.delete("orders");
  const [one, two] = await Promise.all(calls.map((call) => call.next()));
  const remembered = () => served.cache.changesSince("ServiceEntry", 1) !== undefined;
  calls[0]?.send({ typeUrl, responseNonce: one?.nonce ?? "" });
  const acknowledged = () =>
    [...served.server.clients].map((client) => client.confirmedChange("ServiceEntry"));
  await expect.poll(acknowledged).toEqual([2, 1]);
  served.server.forgetAcknowledged();
  expect(remembered()).toBe(true);
  calls[1]?.send({ typeUrl, responseNonce: two?.nonce ?? "" });
  await expect.poll(acknowledged).toEqual([2, 2]);
  served.server.forgetAcknowledged();
  expect(remembered()).toBe(false);
});
