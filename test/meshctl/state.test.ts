import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { start } from "../../services/aggregator/aggregator-rig.ts";
import { nodeOf, openStream } from "../../services/aggregator/xds/grpc-client-rig.ts";
import { leaseOf } from "../../services/aggregator/sources/lease-rig.ts";
import { run } from "../../services/meshctl/meshctl-rig.ts";
import { encodeSubject, syncMarkerSubject } from "../../shared/model/subject.ts";
import { createSyncMarker } from "../../shared/model/sync-marker.ts";

const sources = {
  eurekaSource: { enabled: true, address: ["http://127.0.0.1:1/eureka"], waitTime: "1h" },
  zookeeperSource: { enabled: true, address: ["127.0.0.1:1"], waitTime: "1h" },
};

/** An entry of a host with one endpoint. */
function entry(registry: string, name: string, address: string) {
  return {
    subject: encodeSubject({ kind: "ServiceEntry", registry, source: "default", namespace: "shop", name }),
    data: Buffer.from(JSON.stringify({
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { namespace: "shop", name },
      spec: {
        hosts: [`${name}.shop`],
        ports: [{ number: 80, name: "http", protocol: "HTTP" }],
        resolution: "STATIC",
        endpoints: [{ address, ports: { http: 8080 } }],
      },
    })),
  };
}

function marker(registry: string, entries: number) {
  const data = Buffer.from(JSON.stringify(createSyncMarker(registry, "default", entries)));
  return { subject: syncMarkerSubject(registry, "default"), data };
}

describe("commands that ask the debug API", () => {
  let rig: Awaited<ReturnType<typeof start>>;
  let api = "";
  beforeEach(async () => {
    rig = await start(sources);
    api = rig.aggregator.http.url;
  });

  test("sources: waiting sources are named, with exit code 3; read ones with 0", async () => {
    const waiting = await run("sources", "--api", api);
    expect(waiting.code).toBe(3);
    expect(waiting.out).toMatch(/^SOURCE +STATE +RESOURCES/);
    expect(waiting.out).toMatch(/^eureka +waiting +0 /m);
    await rig.publish(entry("eureka", "orders", "10.0.0.1"), marker("eureka", 1), marker("zookeeper", 0));
    await rig.renew(leaseOf("one"));
    await rig.renew({ ...leaseOf("two"), registry: "zookeeper" });
    await expect.poll(async () => (await run("sources", "--api", api)).out).toMatch(
      /^eureka +synced +1 .* one /m,
    );
    await rig.renew(leaseOf("one", { unsettled: ["one"] }));
    await expect.poll(async () => (await run("sources", "--api", api)).out).toMatch(
      /^eureka +synced +1 .* 20\d\d-\S+Z +one \(share not published\) /m,
    );
  });

  test("conflicts: a host in two sources, and what is served of it", async () => {
    await rig.publish(
      entry("eureka", "orders", "10.0.0.1"),
      entry("zookeeper", "orders", "10.0.0.2"),
      entry("eureka", "cart", "10.0.0.3"),
      marker("eureka", 2),
      marker("zookeeper", 1),
    );
    await rig.aggregator.gate.opened;
    const all = await run("conflicts", "--api", `${api}/meshregistry/`);
    expect(all).toMatchObject({ code: 0, err: "" });
    expect(all.out).toMatch(/^orders\.shop +merged +eureka \(1\), zookeeper \(1\) +\S/m);
    const one = await run("conflicts", "--api", api, "--host", "orders.shop");
    expect(one.out).toContain("eureka (10.0.0.1:8080), zookeeper (10.0.0.2:8080)");
    expect(await run("conflicts", "--api", api, "--host", "cart.shop")).toMatchObject({
      code: 0,
      out: expect.stringContaining("no conflict"),
    });
    const unknown = await run("conflicts", "--api", api, "--host", "nowhere");
    expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining("404") });
  });

  test("clients: says when there are none; held: says when nothing is held", async () => {
    expect(await run("clients", "--api", api)).toMatchObject({
      code: 0,
      err: expect.stringContaining("no client"),
    });
    expect(await run("held", "--api", api)).toEqual({ code: 0, out: "", err: "nothing is held back\n" });
    expect(JSON.parse((await run("clients", "--api", api, "-o", "json")).out)).toEqual([]);
  });

  test("clients: says for how long one is behind, and what it refuses, with exit code 3", async () => {
    await rig.publish(entry("eureka", "orders", "10.0.0.1"), marker("eureka", 1), marker("zookeeper", 0));
    await rig.aggregator.gate.opened;
    const [address = ""] = rig.aggregator.xdsAddresses;
    const client = openStream(address);
    const typeUrl = "networking.istio.io/v1/ServiceEntry";
    client.send({ typeUrl, node: nodeOf(), responseNonce: "boot" });
    const first = await client.next();
    const clients = async () => await run("clients", "--api", api);
    await expect.poll(async () => (await clients()).out).toMatch(/ServiceEntry +behind +\d+\.\d s /);
    client.send({ typeUrl, versionInfo: first.versionInfo, responseNonce: first.nonce });
    await expect.poll(clients).toMatchObject({
      code: 0,
      out: expect.stringMatching(/ServiceEntry +up to date +- +\S{16}/),
    });
    await rig.publish(entry("eureka", "orders", "10.0.0.2"));
    const { nonce } = await client.next();
    const errorDetail = { message: "no thanks" };
    client.send({ typeUrl, versionInfo: first.versionInfo, responseNonce: nonce, errorDetail });
    await expect.poll(clients).toMatchObject({
      code: 3,
      out: expect.stringMatching(/ServiceEntry +refuses the last response +\d+\.\d s +\S+ +no thanks/),
    });
  });

  test("held: a source's losses are shown and let go", async () => {
    await rig.publish(marker("eureka", 0), marker("zookeeper", 0));
    await rig.renew({ ...leaseOf("one"), held: 7 });
    await expect.poll(async () => (await run("held", "--api", api)).code).toBe(3);
    expect((await run("held", "--api", api)).out).toMatch(/^eureka +7 by the collectors/m);
    expect(await run("held", "release", "--api", api)).toMatchObject({ code: 2 });
    const released = await run("held", "release", "--api", api, "--source", "eureka");
    expect(released).toMatchObject({ code: 0, out: expect.stringMatching(/^eureka +7$/m) });
    const wrong = await run("held", "release", "--api", api, "--source", "eurika");
    expect(wrong).toMatchObject({
      code: 1,
      err: expect.stringContaining("the aggregator has eureka, zookeeper"),
    });
  });
});

test("doctor: names what is wrong from the configuration to istiod, and what to do", async () => {
  const rig = await start(sources);
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-doctor-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const config = write("mesh.yaml", "eurekaSource: {enabled: true, adress: [http://a]}");
  const mesh = "configSources: [{address: 'xds://meshregistry:16010'}]";
  const istio = write("istio.yaml", `kind: ConfigMap\ndata: {mesh: "${mesh}"}`);
  const found = await run("doctor", "--api", rig.aggregator.http.url, "--config", config, "--istio", istio);
  expect(found.code).toBe(1);
  expect(found.out).toMatch(/^problem .*mesh\.yaml:1:\d+.*adress/m);
  expect(found.out).toMatch(/^problem +eureka: no collector is alive +start one/m);
  expect(found.out).toMatch(/^problem +configSources lack k8s:\/\//m);
  const nobody = await run("doctor", "--api", "http://127.0.0.1:1");
  expect(nobody).toMatchObject({ code: 1, out: expect.stringContaining("can't be reached") });
  expect(await run("doctor", "--istio", config)).toMatchObject({ code: 1 });
  expect(await run("doctor", "--istio", join(folder, "none"))).toMatchObject({ code: 2 });
});

test("an aggregator that wants its token is told apart from one that isn't there", async () => {
  const rig = await start({ http: { address: "127.0.0.1:0", token: "t0ken" } });
  expect(await run("sources", "--api", rig.aggregator.http.url)).toMatchObject({
    code: 1,
    err: expect.stringContaining("set MESHREGISTRY_TOKEN"),
  });
  expect(await run("sources", "--api", "http://127.0.0.1:1")).toMatchObject({
    code: 1,
    err: expect.stringContaining("can't be reached"),
  });
  expect(await run("sources", "--api", "127.0.0.1:8081")).toMatchObject({ code: 2 });
});
