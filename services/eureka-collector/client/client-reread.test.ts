import { describe, expect, test } from "vitest";
import { clientOf, json, startServer } from "../eureka-rig.ts";

const { signal } = new AbortController();

describe("EurekaClient, reading everything again", () => {
  const list = (version: string, ...more: unknown[]) => {
    const instance = (id: string, ipAddr: string, metadata: unknown) => ({
      instanceId: id,
      ipAddr,
      port: 80,
      metadata,
    });
    return JSON.stringify({
      applications: {
        application: [
          { name: "A", instance: [instance("1", "10.0.0.1", { version })] },
          { name: "B", instance: [instance("2", "10.0.0.2", {}), ...more] },
        ],
      },
    });
  };

  test("decodes an application anew only if its bytes changed", async () => {
    const bodies = [list("v1"), list("v2"), list("v2")];
    const { url } = await startServer(() => json(bodies.shift() ?? ""));
    const client = clientOf([url]);
    const [one, two, three] = [
      await client.fetchAll(signal),
      await client.fetchAll(signal),
      await client.fetchAll(signal),
    ];
    expect(two.applications[0]?.instances[0]?.metadata).toEqual({ version: "v2" });
    expect(two.applications[0]).not.toBe(one.applications[0]);
    expect(two.applications[1]).toBe(one.applications[1]);
    expect(three.applications).toEqual(two.applications);
    expect(three.applications[0]).toBe(two.applications[0]);
  });

  test("reports an unusable record each time", async () => {
    const { url } = await startServer(() => json(list("v1", 7)));
    const client = clientOf([url]);
    for (let turn = 0; turn < 2; turn++) {
      expect([...(await client.fetchAll(signal)).invalidRecords.keys()]).toEqual(["B[1]"]);
    }
  });
});
