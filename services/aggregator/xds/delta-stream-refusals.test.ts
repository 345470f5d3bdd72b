import { describe, expect, test } from "vitest";
import { DeltaClient, shown } from "./delta-client-rig.ts";
import { entries, worldOf } from "./stream-rig.ts";

describe("DeltaStream: a refusal", () => {
  test("that names a resource holds that one back, sends the others again, and shows it", () => {
    const world = worldOf("a", "b", "c");
    const client = new DeltaClient(world);
    client.request(entries);
    expect(shown(client.nack('ServiceEntry/n/b: invalid host "x/y"'))).toEqual(["n/a=1 n/c=1"]);
    const type = client.stream.types.get(entries);
    expect(type).toMatchObject({ nacks: 1, refused: ["n/b"], lastError: { names: ["n/b"] } });
    expect(client.ack()).toEqual([]);
    expect(client.change()).toEqual([]);
    expect(type?.lastError).toBeDefined();
  });

  test("is tried again after a wait that doubles", () => {
    const world = worldOf("a");
    const client = new DeltaClient(world, { nackBackoffMs: 10_000 });
    client.request(entries);
    for (const waitMs of [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
      expect(client.nack("n/a is bad")).toEqual([]);
      expect(client.stream.waitMs(world.view())).toBe(waitMs);
      world.nowMs += waitMs - 1;
      expect(client.change()).toEqual([]);
      world.nowMs += 1;
      expect(shown(client.change())).toEqual(["n/a=1"]);
    }
    client.ack();
    expect(client.stream.waitMs(world.view())).toBeUndefined();
    expect(client.stream.types.get(entries)).toMatchObject({ refused: [], lastError: undefined });
  });

  test("is tried again also if its time comes between the look at the clock and the question how long to wait", () => {
    const world = worldOf("a");
    const client = new DeltaClient(world, { nackBackoffMs: 10_000 });
    client.request(entries);
    client.nack("n/a is bad");
    world.nowMs += 9_999;
    expect(client.change()).toEqual([]);
    world.nowMs += 2;
    expect(client.stream.waitMs(world.view())).toBe(0);
    expect(shown(client.change())).toEqual(["n/a=1"]);
  });

  test("makes nobody wake up while it waits for something other than the clock", () => {
    const world = worldOf("a");
    const client = new DeltaClient(world, { nackBackoffMs: 10_000 });
    client.request(entries);
    client.nack("n/a is bad");
    world.nowMs += 10_001;
    world.isOpen = false;
    expect(client.change()).toEqual([]);
    expect(client.stream.waitMs(world.view())).toBeUndefined();
  });

  test("is forgotten when the resource changes or goes", () => {
    const world = worldOf("a", "b");
    const client = new DeltaClient(world);
    client.request(entries);
    client.nack("n/a and n/b are bad");
    world.put("n/a", "2");
    expect(shown(client.change())).toEqual(["n/a=2"]);
    world.delete("n/b");
    expect(shown(client.ack())).toEqual(["-n/b"]);
    client.ack();
    world.nowMs += 1_000_000;
    expect(client.change()).toEqual([]);
  });

  test("that names nothing is narrowed down in halves", () => {
    const world = worldOf("a", "b", "c", "d");
    const client = new DeltaClient(world, { nackBackoffMs: 1000 });
    let [response] = client.request(entries);
    for (let round = 0; round < 50 && response !== undefined; round++) {
      const isBad = response.resources.some(({ name }) => name === "n/c");
      [response] = isBad ? client.nack("something is bad") : client.ack();
      if (response === undefined) {
        const waitMs = client.stream.waitMs(world.view());
        if (client.held(entries).size === 3 || waitMs === undefined) break;
        world.nowMs += waitMs;
        [response] = client.change();
      }
    }
    expect(client.content(entries)).toEqual({ "n/a": "1", "n/b": "1", "n/d": "1" });
    expect(client.responses.length).toBeLessThan(8);
    expect(client.stream.types.get(entries)?.refused).toEqual(["n/c"]);
  });

  test("with an empty text is one", () => {
    const client = new DeltaClient(worldOf("a"));
    client.request(entries);
    expect(client.nack("")).toEqual([]);
    expect(client.stream.types.get(entries)).toMatchObject({ nacks: 1, ackedVersion: undefined });
  });

  test("of a removal is tried again, too", () => {
    const world = worldOf("a");
    const client = new DeltaClient(world);
    client.request(entries);
    client.ack();
    world.delete("n/a");
    client.change();
    expect(client.nack("not now")).toEqual([]);
    world.nowMs += 10_000;
    expect(shown(client.change())).toEqual(["-n/a"]);
    client.ack();
    expect(client.content(entries)).toEqual({});
  });
});
