import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SimulatedZooKeeper } from "../../shared/simulators/zookeeper/server.ts";
import { ZooKeeperClient } from "../../shared/zookeeper/client.ts";
import { ZooKeeperError } from "../../shared/zookeeper/zookeeper-error.ts";
import type { NodeStat, ZooKeeper } from "../../shared/zookeeper/zookeeper.ts";
import { requireReal } from "../servers/find.ts";
import { startZooKeeper } from "../servers/zookeeper.ts";
import { SuiteClient } from "./zookeeper-suite-client.ts";

/** What a client does; paths are below the folder of one run. */
interface Step {
  readonly what:
    | "create"
    | "ephemeral"
    | "sequential"
    | "private"
    | "delete"
    | "set"
    | "get"
    | "exists"
    | "list";
  readonly path: string;
  readonly watch: boolean;
  /** Which of two clients with different credentials. */
  readonly who: 0 | 1;
}

const name = fc.constantFrom("a", "b", "c");
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom(
    ...["create", "create", "ephemeral", "sequential", "private"] as const,
    ...["delete", "delete", "set", "get", "exists", "list"] as const,
  ),
  path: fc.array(name, { maxLength: 3 }).map((names) => names.map((one) => `/${one}`).join("")),
  watch: fc.boolean(),
  who: fc.constantFrom(0, 1),
});

/** Two clients that act and set one-shot watches, and one that watches the whole tree. */
async function openClients(address: string): Promise<readonly [SuiteClient, SuiteClient, SuiteClient]> {
  const open = (username: string) =>
    SuiteClient.open((options) => new ZooKeeperClient(options), {
      servers: [address],
      digest: { username, password: "x" },
    });
  return [await open("bob"), await open("eve"), await open("bob")];
}

/** What doesn't differ between two servers: no transaction numbers, but which of them are equal. */
function comparable(stat: NodeStat) {
  const { czxid, mzxid, pzxid, version, cversion, ephemeralOwner, childCount } = stat;
  const [changed, childrenChanged, ephemeral] = [mzxid > czxid, pzxid > czxid, ephemeralOwner !== 0n];
  return { version, cversion, childCount, changed, childrenChanged, ephemeral, order: mzxid < pzxid };
}

async function perform(zk: ZooKeeper, { what, watch }: Step, path: string): Promise<unknown> {
  const data = new TextEncoder().encode(what);
  switch (what) {
    case "create":
      return await zk.create(path, data);
    case "ephemeral":
      return await zk.create(path, data, { ephemeral: true });
    case "sequential":
      return await zk.create(path, data, { sequential: true });
    case "private":
      return await zk.create(path, data, { creatorOnly: true });
    case "delete":
      return await zk.delete(path);
    case "set":
      return await zk.setData(path, data);
    case "exists": {
      const stat = await zk.exists(path, watch);
      return stat && comparable(stat);
    }
    case "get": {
      const node = await zk.getData(path, watch);
      return node && [new TextDecoder().decode(node.data), comparable(node.stat)];
    }
    case "list": {
      const children = await zk.getChildren(path, watch);
      return children && [children.names.toSorted(), comparable(children.stat)];
    }
  }
}

/** All answers, then all watches that fired, of one run on one server. */
async function run(
  clients: readonly SuiteClient[],
  folder: string,
  steps: readonly Step[],
): Promise<unknown[]> {
  const [bob, eve, watcher] = clients;
  if (bob === undefined || eve === undefined || watcher === undefined) {
    throw new Error("three clients, please");
  }
  await watcher.zooKeeper.create(folder);
  await watcher.zooKeeper.watchTree(folder);
  const log: unknown[] = [];
  for (const one of steps) {
    const { zooKeeper } = one.who === 0 ? bob : eve;
    const answer = perform(zooKeeper, one, `${folder}${one.path}`).catch((error: unknown) => {
      if (error instanceof ZooKeeperError) return error.refusal;
      throw error;
    });
    log.push([one.what, one.path, await answer]);
  }
  for (const client of clients) {
    // A change is told before any answer that shows it.
    await client.zooKeeper.exists("/zookeeper");
    log.push(client.fired(folder));
  }
  return log;
}

describe.skipIf(requireReal("zookeeper-3.9").skip)("The simulated ZooKeeper", () => {
  test("answers and tells what a real one answers and tells, whatever is asked", async () => {
    await using real = await startZooKeeper();
    await using simulated = new SimulatedZooKeeper();
    const onReal = await openClients(real.address);
    const onSimulated = await openClients(await simulated.listen("127.0.0.1:0"));
    await using _closing = new AsyncDisposableStack();
    for (const client of [...onReal, ...onSimulated]) _closing.use(client);
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const folder = `/run${++runs}`;
        const [expected, answered] = await Promise.all([
          run(onReal, folder, steps),
          run(onSimulated, folder, steps),
        ]);
        expect(answered).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });
});
