import { expect, test } from "vitest";
import { bytes, patient, refusalOf, startProxy } from "./zookeeper-suite-client.ts";
import type { SuiteContext } from "./zookeeper-suite-client.ts";

const text = (data: Uint8Array | undefined) => data && Buffer.from(data).toString();

/** Reading and writing nodes: their names, sizes and rights. */
export function nodeTests(suite: SuiteContext, crowd: number): void {
  test("creates, reads, changes and deletes nodes", async () => {
    const zk = suite.client.zooKeeper;
    expect(await zk.create("/crud", bytes("one"))).toBe("/crud");
    expect(text((await zk.getData("/crud"))?.data)).toBe("one");
    await zk.setData("/crud", bytes("two"));
    await zk.create("/crud/child");
    const node = await zk.getData("/crud");
    expect(text(node?.data)).toBe("two");
    expect(node?.stat).toMatchObject({ version: 1, cversion: 1, childCount: 1, ephemeralOwner: 0n });
    expect(node?.stat.mzxid).toBeGreaterThan(node?.stat.czxid ?? 0n);
    expect(node?.stat.pzxid).toBeGreaterThan(node?.stat.mzxid ?? 0n);
    expect(await zk.exists("/crud")).toEqual(node?.stat);
    expect(await zk.getChildren("/crud")).toEqual({ names: ["child"], stat: node?.stat });
    expect((await zk.getChildren("/"))?.names).toContain("crud");
    expect((await zk.getData("/crud/child"))?.data).toHaveLength(0);
    await zk.delete("/crud/child");
    await zk.delete("/crud");
    expect(await zk.exists("/crud")).toBeUndefined();
  });

  test("tells of nodes that aren't there", async () => {
    const zk = suite.client.zooKeeper;
    expect(await zk.getChildren("/absent")).toBeUndefined();
    expect(await zk.getData("/absent")).toBeUndefined();
    expect(await zk.exists("/absent")).toBeUndefined();
  });

  test("reads the children of many nodes", async () => {
    const zk = suite.client.zooKeeper;
    await using owner = await suite.connect({ digest: { username: "eve", password: "many" } });
    await zk.create("/several");
    const names = Array.from({ length: 250 }, (_, index) => `n${index}`);
    await Promise.all(names.map(async (name) => {
      await zk.create(`/several/${name}`);
      await zk.create(`/several/${name}/below-${name}`);
    }));
    await owner.zooKeeper.create("/several/private", bytes(""), { creatorOnly: true });
    // Together or one by one: the answers are the same. A server before 3.6 hangs up on what it doesn't know, once.
    await using reader = await suite.connect();
    await Promise.all(reader.zooKeeper.getChildrenOf(["/", "/several"])).catch(() =>
      reader.saw("connected", 2)
    );
    await using follower = await suite.connect();
    await follower.zooKeeper.watchTree("/several").catch(() => follower.saw("connected", 2));
    for (const { zooKeeper } of [reader, follower]) {
      const paths = [
        "/absent",
        ...names.map((name) => `/several/${name}`),
        "/several/private",
        "/several/n0/below-n0",
      ];
      const answers = await Promise.allSettled(zooKeeper.getChildrenOf(paths));
      const refused = answers.splice(251, 1).map((answer) => answer.status === "rejected" && answer.reason);
      expect(await refusalOf(Promise.reject(refused[0]))).toBe("noAuth invalid-record");
      expect(answers.map((answer) => answer.status === "fulfilled" && answer.value)).toEqual(
        [undefined, ...names.map((name) => [`below-${name}`]), []],
      );
      expect(zooKeeper.getChildrenOf([])).toEqual([]);
      expect(() => zooKeeper.getChildrenOf(["/", "/a/"])).toThrow(TypeError);
    }
  });

  test("says why a request is refused", async () => {
    const zk = suite.client.zooKeeper;
    await zk.create("/refused");
    await zk.create("/refused/ephemeral", bytes(""), { ephemeral: true });
    expect(await refusalOf(zk.create("/refused"))).toBe("nodeExists invalid-record");
    expect(await refusalOf(zk.create("/absent/child"))).toBe("noNode invalid-record");
    expect(await refusalOf(zk.setData("/absent", bytes("")))).toBe("noNode invalid-record");
    expect(await refusalOf(zk.delete("/absent"))).toBe("noNode invalid-record");
    expect(await refusalOf(zk.delete("/refused"))).toBe("notEmpty invalid-record");
    expect(await refusalOf(zk.create("/refused/ephemeral/child"))).toBe(
      "noChildrenForEphemerals invalid-record",
    );
  });

  test.each([[""], ["a"], ["/a/"], ["/a//b"]])("%j is no path", async (path) => {
    await expect(suite.client.zooKeeper.getChildren(path)).rejects.toThrow(TypeError);
  });

  test("numbers sequential nodes", async () => {
    const zk = suite.client.zooKeeper;
    await zk.create("/sequential");
    const created = [];
    for (const _ of [1, 2, 3]) {
      created.push(await zk.create("/sequential/n-", bytes(""), { sequential: true }));
    }
    expect(created).toEqual([0, 1, 2].map((number) => `/sequential/n-000000000${number}`));
  });

  test("ephemeral nodes go with their session", async () => {
    await suite.client.zooKeeper.create("/ephemerals");
    {
      await using owner = await suite.connect();
      await owner.zooKeeper.create("/ephemerals/e", bytes(""), { ephemeral: true });
      const stat = await suite.client.zooKeeper.exists("/ephemerals/e");
      expect(stat?.ephemeralOwner).not.toBe(0n);
      await suite.client.zooKeeper.exists("/ephemerals/e", true);
    }
    await expect.poll(() => suite.client.fired("/ephemerals"), patient).toEqual(["deleted /ephemerals/e"]);
  });

  test("only the creator may use what it kept for itself", async () => {
    const digest = { username: "bob", password: "se:cret" };
    const { proxy, address } = await startProxy(suite.address);
    await using _proxy = proxy;
    await using owner = await suite.connect({ digest, servers: [address] });
    await using same = await suite.connect({ digest });
    await using wrong = await suite.connect({ digest: { ...digest, password: "other" } });
    await owner.zooKeeper.create("/private", bytes("x"), { creatorOnly: true });
    expect(await refusalOf(suite.client.zooKeeper.getData("/private"))).toBe("noAuth invalid-record");
    expect(await refusalOf(wrong.zooKeeper.getChildren("/private"))).toBe("noAuth invalid-record");
    expect(text((await same.zooKeeper.getData("/private"))?.data)).toBe("x");
    // Servers don't remember it over a reconnect.
    proxy.cut();
    await owner.saw("connected", 2);
    expect(text((await owner.zooKeeper.getData("/private"))?.data)).toBe("x");
  });

  test("lives below its chroot", async () => {
    await suite.client.zooKeeper.create("/chroot");
    await suite.client.zooKeeper.create("/chroot/below");
    await using inner = await suite.connect({ servers: [`${suite.address}/chroot/below`] });
    const zk = inner.zooKeeper;
    expect((await zk.getChildren("/", true))?.names).toEqual([]);
    expect(await zk.create("/a", bytes("1"))).toBe("/a");
    expect(await zk.create("/s", bytes(""), { sequential: true })).toBe("/s0000000001");
    expect(text((await suite.client.zooKeeper.getData("/chroot/below/a"))?.data)).toBe("1");
    await zk.getData("/a", true);
    await suite.client.zooKeeper.setData("/chroot/below/a", bytes("2"));
    await expect.poll(() => inner.fired("/"), patient).toEqual(["children-changed /", "data-changed /a"]);
  });

  test("answers many requests at once", async () => {
    const zk = suite.client.zooKeeper;
    await zk.create("/many");
    const names = Array.from({ length: 5_000 }, (_, index) => `n${index}`);
    await Promise.all(names.map((name) => zk.create(`/many/${name}`, bytes(name))));
    const read = await Promise.all(names.map((name) => zk.getData(`/many/${name}`)));
    expect(read.map((node) => text(node?.data))).toEqual(names);
    expect(zk.requests.get("getData")).toBeGreaterThanOrEqual(names.length);
  });

  test("names hold every printable character", async () => {
    const zk = suite.client.zooKeeper;
    await zk.create("/names");
    const printable = Array.from({ length: 0x7f - 0x20 }, (_, index) => String.fromCharCode(0x20 + index));
    const names = [
      // "." and ".." are no names, and "/" is between them.
      ...printable.filter((name) => name !== "/" && name !== "."),
      "...",
      printable.join("").replace("/", ""),
      "dubbo%3A%2F%2F10.0.0.1%3A20880%2Fcom.acme.A%3Fa%3D%25",
      "Zürich 東京 ß é\u0301 ¡",
    ];
    for (const name of names) await zk.create(`/names/${name}`, bytes(name));
    expect((await suite.other.zooKeeper.getChildren("/names"))?.names.toSorted()).toEqual(names.toSorted());
    for (const name of names) {
      expect(text((await suite.other.zooKeeper.getData(`/names/${name}`))?.data)).toBe(name);
    }
  });

  test("nodes and names may be almost a megabyte", async () => {
    const zk = suite.client.zooKeeper;
    await zk.create("/large");
    const name = "n".repeat(500_000);
    await zk.getChildren("/large", true);
    await zk.create(`/large/${name}`, new Uint8Array(500_000).fill(7));
    expect((await zk.getChildren("/large"))?.names).toEqual([name]);
    const node = await zk.getData(`/large/${name}`);
    expect(node?.data).toHaveLength(500_000);
    expect(node?.data.every((byte) => byte === 7)).toBe(true);
  });

  test(`a node may have ${crowd} children`, async () => {
    const zk = suite.client.zooKeeper;
    await zk.create("/crowd");
    const names = Array.from(
      { length: crowd },
      (_, index) => `dubbo%3A%2F%2F10.0.0.1%3A${index}%2Fcom.acme.A`,
    );
    for (let start = 0; start < names.length; start += 10_000) {
      await Promise.all(names.slice(start, start + 10_000).map((name) => zk.create(`/crowd/${name}`)));
    }
    const children = await suite.other.zooKeeper.getChildren("/crowd");
    expect(children?.stat.childCount).toBe(crowd);
    expect(new Set(children?.names)).toEqual(new Set(names));
  });
}
