import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEureka } from "../../../test/servers/eureka.ts";
import type { EurekaServer } from "../../../test/servers/eureka.ts";
import { requireReal } from "../../../test/servers/find.ts";
import { clientOf } from "../eureka-rig.ts";
import { hashOf, RegistryView } from "./registry-view.ts";

const { signal } = new AbortController();

/** Instances are told apart as the registry's own library does, or the hash never agrees and deltas are given up. */
describe.skipIf(requireReal("eureka").skip)("Identities of a real Eureka", () => {
  let server: EurekaServer;

  beforeAll(async () => {
    server = await startEureka();
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  /** Registers an instance without an `instanceId`, as very old clients on Amazon's machines do. */
  async function registerOnAmazon(app: string, ipAddr: string, amazonId: string): Promise<void> {
    const instance = {
      app,
      ipAddr,
      hostName: "eureka.internal.example.com",
      status: "UP",
      port: { $: 8761, "@enabled": "true" },
      securePort: { $: 443, "@enabled": "false" },
      countryId: 1,
      leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 3600 },
      dataCenterInfo: {
        "@class": "com.netflix.appinfo.AmazonInfo",
        name: "Amazon",
        metadata: { "instance-id": amazonId, "local-ipv4": ipAddr, "availability-zone": "us-west-2b" },
      },
      metadata: {},
      lastDirtyTimestamp: String(Date.now()),
    };
    const response = await server.writer.request("POST", `/apps/${app}`, { instance });
    expect([response.status, await response.text()]).toEqual([204, ""]);
  }

  test("are found in complete answers and in deltas: Amazon's, and names in capitals or not", async () => {
    await registerOnAmazon("AMAZON", "10.1.12.1", "i-0001");
    await registerOnAmazon("AMAZON", "10.1.12.2", "i-0002");
    await server.register({ app: "mixed", instanceId: "m1", ipAddr: "10.1.13.1", port: 80 });
    await server.register({ app: "MIXED", instanceId: "m2", ipAddr: "10.1.13.2", port: 80 });
    await server.register({ app: "Mixed", instanceId: "m1", ipAddr: "10.1.13.3", port: 80, status: "DOWN" });
    const client = clientOf([server.url]);
    const view = new RegistryView();
    const all = await client.fetchAll(signal);
    view.replace(all.applications);
    expect([all.hash, hashOf(all.applications)]).toEqual([view.hash(), view.hash()]);
    const onAmazon = [...view.applications.get("AMAZON")?.values() ?? []];
    expect(new Map(onAmazon.map(({ id, zone }) => [id, zone])))
      .toEqual(new Map([["i-0001", "us-west-2b"], ["i-0002", "us-west-2b"]]));

    await registerOnAmazon("AMAZON", "10.1.12.3", "i-0003");
    await server.cancel("AMAZON", "i-0001");
    await server.register({ app: "mIXED", instanceId: "m4", ipAddr: "10.1.13.4", port: 80 });
    const delta = await client.fetchDelta(signal);
    view.apply(delta.applications);
    expect(view.hash()).toBe(delta.hash);
    expect([...view.applications.get("AMAZON")?.keys() ?? []].sort()).toEqual(["i-0002", "i-0003"]);
  });
});
