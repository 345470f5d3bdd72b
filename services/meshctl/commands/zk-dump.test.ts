import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { SimulatedZooKeeper } from "../../../shared/simulators/zookeeper/server.ts";
import { run } from "../meshctl-rig.ts";

const provider = encodeURIComponent(
  "dubbo://10.0.0.1:20880/a.B?application=shop&interface=a.B&side=provider",
);

describe("a live ZooKeeper", () => {
  let server: SimulatedZooKeeper;
  let address: string;
  const folder = mkdtempSync(join(tmpdir(), "meshctl-zk-"));

  beforeAll(async () => {
    server = new SimulatedZooKeeper();
    server.tree.ensure(`/dubbo/a.B/providers/${provider}`);
    server.tree.ensure("/elsewhere/node");
    address = await server.listen("127.0.0.1:0");
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test("is dumped from a root, one node per line, and the dump is converted", async () => {
    const dump = await run("zk", "dump", "--address", address, "--root", "/dubbo");
    expect(dump).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(dump.out)).toEqual(
      ["/dubbo", "/dubbo/a.B", "/dubbo/a.B/providers", `/dubbo/a.B/providers/${provider}`].map((path) => ({
        path,
        data: "",
      })),
    );
    expect(dump.out.trim().split("\n")).toHaveLength(6);
    const file = join(folder, "dump.json");
    writeFileSync(file, dump.out);
    const fromDump = await run("convert", "--source", "zookeeper", "--input", file);
    expect(fromDump.out).toContain("address: 10.0.0.1");
    const live = await run("convert", "--source", "zookeeper", "--address", address);
    expect(live.out).toBe(fromDump.out);
  });

  test("everything is dumped without a root", async () => {
    const { out } = await run("zk", "dump", "--address", address);
    expect(out).toContain('"/elsewhere/node"');
  });

  test("a root that isn't there is an error, and nothing is printed", async () => {
    expect(await run("zk", "dump", "--address", address, "--root", "/dubbbo")).toEqual({
      code: 1,
      out: "",
      err: "there is no node /dubbbo in this ZooKeeper; check --root\n",
    });
    const below = await run("zk", "dump", "--address", `${address}/elsewhere`, "--root", "/dubbo");
    expect(below.err).toContain("there is no node /dubbo in this ZooKeeper below its chroot /elsewhere");
  });

  test("that isn't there is one sentence", async () => {
    const after = AbortSignal.timeout.bind(AbortSignal);
    // It tries for ten seconds; a tenth of that is enough to be refused.
    const timeouts = vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => after(ms / 10));
    const { code, err } = await run("zk", "dump", "--address", "127.0.0.1:1");
    expect(timeouts).toHaveBeenCalledWith(10_000);
    timeouts.mockRestore();
    expect(code).toBe(1);
    expect(err).toMatch(/^no connection to ZooKeeper: .*ECONNREFUSED/);
  });
});
