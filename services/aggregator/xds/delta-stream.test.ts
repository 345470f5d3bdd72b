import { describe, expect, test } from "vitest";
import { DeltaClient, shown } from "./delta-client-rig.ts";
import { entries, gateways, World, worldOf } from "./stream-rig.ts";

describe("DeltaStream", () => {
  test("gives everything to a first request without names, and to *", () => {
    const world = worldOf("a", "b");
    for (const request of [{}, { subscribe: ["*"] }, { responseNonce: "of the stream before" }]) {
      expect(shown(new DeltaClient(world).request(entries, request))).toEqual(["n/a=1 n/b=1"]);
    }
  });

  test("answers a first request also if there is nothing", () => {
    const client = new DeltaClient(new World());
    expect(shown(client.request(entries))).toEqual([""]);
    expect(client.responses[0]?.nonce).not.toBe("");
    expect(client.ack()).toEqual([]);
  });

  test("answers types that we have nothing of at once, even while nothing is ready", () => {
    const world = new World();
    world.isOpen = false;
    const client = new DeltaClient(world);
    expect(shown(client.request(gateways))).toEqual([""]);
    expect(shown(client.ack({ subscribe: ["n/x"] }))).toEqual(["-n/x"]);
  });

  test("holds back our own kinds until the gate is open, deletions too", () => {
    const world = worldOf("a");
    world.isOpen = false;
    const client = new DeltaClient(world);
    expect(client.request(entries, { initialVersions: { "n/a": "1", "n/gone": "1" } })).toEqual([]);
    expect(client.change()).toEqual([]);
    world.isOpen = true;
    expect(shown(client.change())).toEqual(["-n/gone"]);
  });

  test("sends what changed and what went, and nothing else", () => {
    const world = worldOf("a", "b", "c");
    const client = new DeltaClient(world);
    client.request(entries);
    expect(client.ack()).toEqual([]);
    world.put("n/b", "2");
    world.delete("n/c");
    world.put("n/d", "1");
    expect(shown(client.change())).toEqual(["n/b=2 n/d=1 -n/c"]);
    expect(client.ack()).toEqual([]);
    expect(client.change()).toEqual([]);
    expect(client.content(entries)).toEqual({ "n/a": "1", "n/b": "2", "n/d": "1" });
  });

  test("merges changes while a response is in flight, and leaves out what was taken back", () => {
    const world = worldOf("a", "b");
    const client = new DeltaClient(world);
    client.request(entries);
    world.put("n/a", "2");
    expect(client.change()).toEqual([]);
    world.put("n/a", "3");
    world.put("n/b", "2");
    world.put("n/b", "1");
    world.put("n/new", "1");
    world.delete("n/new");
    expect(client.change()).toEqual([]);
    expect(shown(client.ack())).toEqual(["n/a=3"]);
  });

  test("never sends because of a late, repeated or invented ACK", () => {
    const world = worldOf("a");
    const client = new DeltaClient(world);
    const [one] = client.request(entries);
    client.ack();
    world.put("n/a", "2");
    client.change();
    for (const responseNonce of [one?.nonce ?? "", "n0", "invented", ""]) {
      expect(client.request(entries, { responseNonce })).toEqual([]);
      expect(client.stream.types.get(entries)?.inFlight).toBe(true);
    }
    expect(client.ack()).toEqual([]);
    expect(client.request(entries, { responseNonce: client.answered.at(-1)?.nonce ?? "" })).toEqual([]);
  });

  describe("names", () => {
    test("are answered with what there is and what isn't, and followed", () => {
      const world = worldOf("a", "b");
      const client = new DeltaClient(world);
      expect(shown(client.request(entries, { subscribe: ["n/a", "n/later"] }))).toEqual(["n/a=1 -n/later"]);
      client.ack();
      world.put("n/b", "2");
      expect(client.change()).toEqual([]);
      world.put("n/later", "1");
      expect(shown(client.change())).toEqual(["n/later=1"]);
      client.ack();
      world.delete("n/a");
      expect(shown(client.change())).toEqual(["-n/a"]);
    });

    test("are answered again when asked again, also under a stale nonce", () => {
      const client = new DeltaClient(worldOf("a"));
      client.request(entries, { subscribe: ["n/a"] });
      client.ack();
      expect(shown(client.request(entries, { subscribe: ["n/a"] }))).toEqual(["n/a=1"]);
      client.ack();
      expect(shown(client.request(entries, { subscribe: ["n/a"], responseNonce: "stale" }))).toEqual([
        "n/a=1",
      ]);
    });

    test("are given up without an answer", () => {
      const world = worldOf("a", "b");
      const client = new DeltaClient(world);
      client.request(entries, { subscribe: ["n/a", "n/b"] });
      expect(client.ack({ unsubscribe: ["n/a"] })).toEqual([]);
      world.put("n/a", "2");
      world.delete("n/a");
      expect(client.change()).toEqual([]);
    });

    test("that leave the wildcard's cover are answered, because it still covers them", () => {
      const world = worldOf("a");
      const client = new DeltaClient(world);
      client.request(entries, { subscribe: ["*", "n/a", "n/none"] });
      client.ack();
      expect(shown(client.request(entries, { unsubscribe: ["n/a", "n/none"] }))).toEqual(["n/a=1 -n/none"]);
    });

    test("stay when the wildcard goes", () => {
      const world = worldOf("a", "b");
      const client = new DeltaClient(world);
      client.request(entries, { subscribe: ["*", "n/a"] });
      expect(client.ack({ unsubscribe: ["*"] })).toEqual([]);
      world.put("n/b", "2");
      expect(client.change()).toEqual([]);
      world.put("n/a", "2");
      expect(shown(client.change())).toEqual(["n/a=2"]);
    });

    test("become everything with *, once", () => {
      const world = worldOf("a", "b");
      const client = new DeltaClient(world);
      client.request(entries, { subscribe: ["n/a"] });
      world.delete("n/a");
      expect(shown(client.ack({ subscribe: ["*"] }))).toEqual(["n/b=1 -n/a"]);
      expect(client.ack({ subscribe: ["*"] })).toEqual([]);
    });
  });

  describe("a client that comes back", () => {
    test("is sent only what it doesn't have, and told what is gone", () => {
      const world = worldOf("a", "b", "c");
      const client = new DeltaClient(world);
      const initialVersions = { "n/a": "1", "n/b": "old", "n/gone": "1" };
      expect(shown(client.request(entries, { initialVersions }))).toEqual(["n/b=1 n/c=1 -n/gone"]);
      client.ack();
      world.put("n/a", "2");
      expect(shown(client.change())).toEqual(["n/a=2"]);
    });

    test("with all there is gets an empty answer", () => {
      const client = new DeltaClient(worldOf("a"));
      expect(shown(client.request(entries, { initialVersions: { "n/a": "1" } }))).toEqual([""]);
    });

    test("with names is sent only those", () => {
      const client = new DeltaClient(worldOf("a", "b", "c"));
      const initialVersions = { "n/a": "1", "n/b": "old", "n/gone": "1" };
      const subscribe = ["n/a", "n/b", "n/gone"];
      expect(shown(client.request(entries, { subscribe, initialVersions }))).toEqual(["n/b=1 -n/gone"]);
    });
  });

  describe("a large answer", () => {
    test("comes in parts, each after the ACK of the last, then what changed meanwhile", () => {
      const world = new World(100);
      for (const name of ["a", "b", "c", "d", "e"]) world.put(`n/${name}`, "1".repeat(20));
      const client = new DeltaClient(world, { maxMessageBytes: 100 });
      expect(client.request(entries)).toHaveLength(1);
      expect(client.responses[0]?.resources.length).toBeLessThan(5);
      world.put("n/a", "2");
      world.delete("n/e");
      client.settle();
      expect(client.responses.length).toBeGreaterThan(2);
      expect(new Set(client.responses.map(({ nonce }) => nonce)).size).toBe(client.responses.length);
      expect(client.content(entries)).toEqual(world.content());
    });

    test("of names is cut, too, and so are removals", () => {
      const world = new World(100);
      const names = Array.from({ length: 30 }, (_, index) => `n/${index}`);
      for (const name of names) world.put(name, "1");
      const client = new DeltaClient(world, { maxMessageBytes: 100 });
      client.request(entries, { subscribe: names });
      client.settle();
      expect(client.content(entries)).toEqual(world.content());
      for (const name of names) world.delete(name);
      client.change();
      client.settle();
      expect(client.content(entries)).toEqual({});
      for (const { resources, removed } of client.responses) {
        expect(resources.length + removed.length).toBeLessThan(30);
      }
    });
  });

  test("gives up a client that is further behind than is remembered", () => {
    const world = worldOf("a");
    const client = new DeltaClient(world);
    client.request(entries);
    world.put("n/a", "2");
    world.cache.forgetChanges("ServiceEntry", world.cache.head("ServiceEntry"));
    expect(client.ack()).toEqual([]);
    expect(client.stream.isLost).toBe(true);
  });

  test("knows which changes a client has", () => {
    const world = worldOf("a");
    const client = new DeltaClient(world);
    expect(client.stream.confirmedChange("ServiceEntry")).toBeUndefined();
    client.request(entries);
    expect(client.stream.confirmedChange("ServiceEntry")).toBe(0);
    client.ack();
    expect(client.stream.confirmedChange("ServiceEntry")).toBe(1);
    world.put("n/a", "2");
    client.change();
    expect(client.stream.confirmedChange("ServiceEntry")).toBe(1);
    client.ack();
    expect(client.stream.confirmedChange("ServiceEntry")).toBe(2);
  });
});
