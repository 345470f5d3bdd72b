import { describe, expect, test } from "vitest";
import { DeltaClient, shown } from "./delta-client-rig.ts";
import { entries, sidecars, worldOf } from "./stream-rig.ts";
import type { World } from "./stream-rig.ts";

describe("DeltaStream: kinds that depend on each other", () => {
  function connected(): { world: World; client: DeltaClient } {
    const world = worldOf("a");
    world.put("n/s", "1", { kind: "Sidecar" });
    const client = new DeltaClient(world);
    client.request(sidecars);
    client.request(entries);
    client.settle();
    return { world, client };
  }

  test("hosts come before the Sidecars that name them", () => {
    const { world, client } = connected();
    world.put("n/s", "2", { kind: "Sidecar" });
    world.put("n/b", "1");
    expect(shown(client.change())).toEqual(["n/b=1", "n/s=2"]);
  });

  test("Sidecars wait for hosts that can't be sent yet", () => {
    const { world, client } = connected();
    world.put("n/a", "2");
    expect(shown(client.change())).toEqual(["n/a=2"]);
    world.put("n/b", "1");
    world.put("n/s", "2", { kind: "Sidecar" });
    expect(client.change()).toEqual([]);
    expect(shown(client.ack())).toEqual(["n/b=1", "n/s=2"]);
  });

  test("hosts go after the Sidecars that named them", () => {
    const { world, client } = connected();
    world.delete("n/a");
    world.delete("n/s", "Sidecar");
    expect(shown(client.change())).toEqual(["-n/s", "-n/a"]);
    client.settle();
    world.put("n/s", "2", { kind: "Sidecar" });
    client.change();
    world.put("n/s", "3", { kind: "Sidecar" });
    world.put("n/b", "1");
    client.settle();
    world.put("n/s", "4", { kind: "Sidecar" });
    client.change();
    world.put("n/s", "5", { kind: "Sidecar" });
    world.delete("n/b");
    expect(client.change()).toEqual([]);
    expect(shown(client.ack())).toEqual(["n/s=5", "-n/b"]);
  });
});
