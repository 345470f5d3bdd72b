import { describe, expect, test } from "vitest";
import { IncrementalClient, shownIncrements } from "./incremental-client-rig.ts";
import { entries, gateways, sidecars, World } from "./stream-rig.ts";

function worldOf(...names: readonly string[]): World {
  const world = new World();
  for (const name of names) world.put(`n/${name}`, "1");
  return world;
}

describe("IncrementalStream", () => {
  test("begins with everything in one response, whatever its size, and without deletions", () => {
    const world = new World(10);
    for (const name of ["a", "b", "c"]) world.put(`n/${name}`, "1");
    world.delete("n/b");
    expect(shownIncrements(new IncrementalClient(world).request(entries))).toEqual(["n/a=1 n/c=1"]);
  });

  test("has the newest version as its nonce, also while there is nothing, and never an empty one", () => {
    const world = worldOf("a", "b");
    const client = new IncrementalClient(world);
    expect(client.request(entries)[0]?.nonce).toBe("s-000002");
    expect(client.request(sidecars)[0]?.nonce).not.toBe("");
    expect(client.request(gateways)[0]?.nonce).not.toBe("");
  });

  test("sends what changed, and deletions, then rests", () => {
    const world = worldOf("a", "b");
    const client = new IncrementalClient(world);
    client.request(entries);
    expect(client.ack()).toEqual([]);
    world.put("n/a", "2");
    world.delete("n/b");
    const [response] = client.change();
    expect(shownIncrements(response === undefined ? [] : [response])).toEqual(["n/a=2 -n/b"]);
    expect(response).toMatchObject({ nonce: "s-000004", removals: [{ name: "n/b", position: "s-000004" }] });
    expect(client.ack()).toEqual([]);
    expect(client.stream.types.get(entries)).toMatchObject({
      ackedNonce: "s-000004",
      ackedVersion: "s-000004",
    });
  });

  test("never sends because of a late, repeated or invented ACK", () => {
    const world = worldOf("a");
    const client = new IncrementalClient(world);
    const [one] = client.request(entries);
    client.ack();
    world.put("n/a", "2");
    client.change();
    for (const responseNonce of [one?.nonce ?? "", "", "invented"]) {
      expect(client.request(entries, { responseNonce })).toEqual([]);
    }
    client.ack();
    for (const responseNonce of [one?.nonce ?? "", "invented", client.answered.at(-1)?.nonce ?? ""]) {
      expect(client.request(entries, { responseNonce })).toEqual([]);
    }
  });

  test("begins anew for a client that does", () => {
    const world = worldOf("a");
    const client = new IncrementalClient(world);
    client.request(entries);
    client.ack();
    expect(shownIncrements(client.request(entries))).toEqual(["n/a=1"]);
  });

  test("answers other names under the last nonce, and only then", () => {
    const world = worldOf("a", "b");
    const client = new IncrementalClient(world);
    const [one] = client.request(entries, { resourceNames: ["n/a"] });
    expect(one?.parts.flat()).toHaveLength(1);
    expect(shownIncrements(client.ack({ resourceNames: ["n/b"] }))).toEqual(["n/b=1"]);
    client.ack({ resourceNames: ["n/b"] });
    expect(client.request(entries, { responseNonce: one?.nonce ?? "", resourceNames: ["n/a"] })).toEqual([]);
    world.put("n/a", "2");
    expect(client.change()).toEqual([]);
    world.put("n/b", "2");
    expect(shownIncrements(client.change())).toEqual(["n/b=2"]);
  });

  test("notes a refusal and sends nothing for it", () => {
    const world = worldOf("a");
    const client = new IncrementalClient(world);
    const [response] = client.request(entries);
    expect(client.request(entries, { responseNonce: response?.nonce ?? "", error: "bad" })).toEqual([]);
    expect(client.stream.types.get(entries)).toMatchObject({ nacks: 1, lastError: { message: "bad" } });
  });

  test("merges changes while a response is in flight", () => {
    const world = worldOf("a");
    const client = new IncrementalClient(world);
    client.request(entries);
    for (const content of ["2", "3", "4"]) {
      world.put("n/a", content);
      expect(client.change()).toEqual([]);
    }
    expect(shownIncrements(client.ack())).toEqual(["n/a=4"]);
  });

  test("sends many changes in parts whose nonces rise", () => {
    const world = new World(100);
    const client = new IncrementalClient(world);
    client.request(entries);
    client.ack();
    for (const name of ["a", "b", "c", "d", "e"]) world.put(`n/${name}`, "1".repeat(30));
    world.delete("n/a");
    client.change();
    client.settle();
    expect(client.responses.length).toBeGreaterThan(3);
    expect(client.content(entries)).toEqual(world.content());
  });

  test("nonces rise also when the log is another one, or was rolled back", () => {
    const world = worldOf("a");
    const client = new IncrementalClient(world);
    client.request(entries);
    client.ack();
    const before = world.cache.get("ServiceEntry", "n/a");
    for (const cursor of ["r-000001", "s-000001", "t-000001"]) {
      if (before !== undefined) world.cache.put("ServiceEntry", { ...before, cursor, version: cursor });
      expect(client.change()).toHaveLength(1);
      client.ack();
    }
    expect(client.content(entries)).toEqual({ "n/a": "t-000001" });
  });

  test("holds back until the gate is open", () => {
    const world = worldOf("a");
    world.isOpen = false;
    const client = new IncrementalClient(world);
    expect(client.request(entries)).toEqual([]);
    expect(client.request(gateways)).toHaveLength(1);
    world.isOpen = true;
    expect(shownIncrements(client.change())).toEqual(["n/a=1"]);
  });

  describe("revisions", () => {
    test("are filtered by the client's", () => {
      const world = worldOf("all");
      world.put("n/mine", "1", { revision: "canary" });
      world.put("n/other", "1", { revision: "stable" });
      const client = new IncrementalClient(world, { revisions: ["canary", "next"] });
      client.request(entries);
      client.settle();
      expect(client.content(entries)).toEqual({ "n/all": "1", "n/mine": "1@canary" });
      world.put("n/other", "2", { revision: "stable" });
      world.delete("n/other");
      expect(client.change()).toEqual([]);
    });

    test("that change take a resource away, or bring it", () => {
      const world = worldOf("a");
      world.put("n/b", "1", { revision: "stable" });
      const client = new IncrementalClient(world, { revisions: ["canary"] });
      client.request(entries);
      client.ack();
      world.put("n/a", "1", { revision: "stable" });
      expect(shownIncrements(client.change())).toEqual(["-n/a@"]);
      client.ack();
      world.put("n/b", "1", { revision: "canary" });
      expect(shownIncrements(client.change())).toEqual(["n/b=1@canary"]);
    });

    test("take a registry's resource away, also where clients without limits are served another one's", () => {
      const world = worldOf("a");
      world.put("n/a", "2", { registry: "nacos" });
      const client = new IncrementalClient(world, { registries: ["nacos"], revisions: ["canary"] });
      client.request(entries);
      client.ack();
      expect(client.content(entries)).toEqual({ "n/a": "2" });
      expect(world.content()).toEqual({ "n/a": "1" });
      world.put("n/a", "2", { registry: "nacos", revision: "stable" });
      expect(shownIncrements(client.change())).toEqual(["-n/a@"]);
    });
  });

  test("hosts come before the Sidecars that name them", () => {
    const world = worldOf("a");
    const client = new IncrementalClient(world);
    client.request(sidecars);
    client.request(entries);
    client.settle();
    world.put("n/s", "1", { kind: "Sidecar" });
    world.put("n/b", "1");
    expect(shownIncrements(client.change())).toEqual(["n/b=1", "n/s=1"]);
  });

  test("gives up a client that is further behind than is remembered", () => {
    const world = worldOf("a");
    const client = new IncrementalClient(world);
    client.request(entries);
    world.put("n/a", "2");
    world.cache.forgetChanges("ServiceEntry", world.cache.head("ServiceEntry"));
    expect(client.ack()).toEqual([]);
    expect(client.stream.isLost).toBe(true);
  });

  test("knows which changes a client has; one that never answered has none", () => {
    const world = worldOf("a", "b");
    const client = new IncrementalClient(world);
    expect(client.stream.confirmedChange("ServiceEntry")).toBeUndefined();
    client.request(entries);
    expect(client.stream.confirmedChange("ServiceEntry")).toBe(0);
    client.ack();
    expect(client.stream.confirmedChange("ServiceEntry")).toBe(2);
  });
});
