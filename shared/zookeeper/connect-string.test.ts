import fc from "fast-check";
import { expect, test } from "vitest";
import { hostText, parseConnectString, toClientPath, toServerPath } from "./connect-string.ts";

test.each([
  [["a"], "a:2181", ""],
  [["a:1", "b.c:65535"], "a:1 b.c:65535", ""],
  [["a:1, b,[::1],[fe80::1%eth0]:3/chroot/x"], "a:1 b:2181 [::1]:2181 [fe80::1%eth0]:3", "/chroot/x"],
  [["10.0.0.1", "b:2/"], "10.0.0.1:2181 b:2", ""],
  [["a/x/"], "a:2181", "/x"],
])("%j", (servers, hosts, chroot) => {
  const parsed = parseConnectString(servers);
  expect(parsed.hosts.map(hostText).join(" ")).toBe(hosts);
  expect(parsed.chroot).toBe(chroot);
});

test.each([
  [[], 'no ZooKeeper server in ""'],
  [["/x"], 'no ZooKeeper server in "/x"'],
  [["a:0"], '"a:0" is no ZooKeeper server: expected "host:2181" or "[::1]:2181"'],
  [["a:65536"], '"a:65536" is no ZooKeeper server'],
  [["::1"], '"::1" is no ZooKeeper server'],
  [["zookeeper://a"], '"zookeeper:" is no ZooKeeper server'],
  [["a/x", "b/y"], '"/x,b/y" is no ZooKeeper chroot: only the last server may end in one path'],
  [["a/x//y"], '"/x//y" is no ZooKeeper chroot'],
])("refuses %j", (servers, message) => {
  expect(() => parseConnectString(servers)).toThrow(message);
});

test("a chroot is added and taken away", () => {
  const name = fc.string({ minLength: 1 }).filter((name) => !name.includes("/"));
  const path = fc.array(name).map((names) => `/${names.join("/")}`);
  const chroot = fc.array(name).map((names) => names.map((name) => `/${name}`).join(""));
  fc.assert(fc.property(chroot, path, (chroot, path) => {
    const onServer = toServerPath(chroot, path);
    expect(onServer).toMatch(/^\/.*$/s);
    expect(toClientPath(chroot, onServer)).toBe(path);
  }));
  expect(toServerPath("/a", "/")).toBe("/a");
  expect(toClientPath("/a", "/ab")).toBeUndefined();
});

test.each([[""], ["a"], ["/a/"], ["//"], ["/a//b"]])("%j is no path", (path) => {
  expect(() => toServerPath("", path)).toThrow(TypeError);
});

test("a password in an address is refused and not shown", () => {
  for (const address of ["user:hunter2@a:2181", "user:hun/ter2@a:2181", "zookeeper://user:hunter2@a"]) {
    expect(() => parseConnectString([address])).toThrow(/set zookeeperSource\.username and/);
    expect(() => parseConnectString([address])).not.toThrow(/hun/);
  }
});
