import { expect, it } from "vitest";
import { allFacts, factsRoot } from "../../../shared/facts/fact-subject.ts";
import { firstSequenceAt } from "../../../shared/entry-log/jetstream/config.ts";
import { managerOf, startRig } from "../../../shared/entry-log/jetstream/nats-rig.ts";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import { requireReal } from "../../../test/servers/find.ts";
import { patient, publish, runningPod, startCluster } from "./facts-rig.ts";

const stream = "MESH_ENTRIES_FACTS";

/** Everything that the stream has stored, as text. */
async function historyOf(log: EntryLog): Promise<string> {
  const stop = new AbortController();
  let text = "";
  for await (const event of log.follow(allFacts, stop.signal)) {
    if (event.type === "put") text += `${event.subject} ${Buffer.from(event.data).toString("utf8")}\n`;
    if (event.type === "caught-up") break;
  }
  return text;
}

// The term is the first message of both streams: counted from 1, its sequence would be the same in both.
it.skipIf(requireReal("nats-server").skip)(
  "a publisher of facts stores nothing under its old term in a stream that was recreated while it was cut off",
  { timeout: 120_000 },
  async () => {
    const rig = await startRig();
    const open = (url: string) => rig.open({ servers: [url], stream, root: factsRoot });
    const manager = await managerOf(rig);
    const proxy = await rig.proxy();
    // Each reads a cluster of its own: so the late one's view is another.
    const [late, steady] = [await startCluster(), await startCluster()];
    for (const { server } of [late, steady]) {
      server.set("pods", runningPod("a", "10.0.0.1", { version: "1" }));
    }
    const first = publish(await late.open(), await open(proxy.url), "late").facts;
    await expect.poll(() => first.status().published, patient).toBe(1);
    const log = await open(rig.server.url);
    const second = publish(await steady.open(), log, "steady").facts;
    await expect.poll(() => second.status().published, patient).toBe(1);

    let onItsWay = "";
    proxy.onSwallowed = (data) => onItsWay += data.toString("latin1");
    proxy.swallowRequests = true;
    late.server.set("pods", runningPod("a", "10.0.0.1", { version: "outdated" }));
    await expect.poll(() => onItsWay.includes("outdated"), patient).toBe(true);
    proxy.closed = true;
    proxy.cut();
    proxy.swallowRequests = false;
    const { created } = await manager.streams.info(stream);
    // Not in the second in which the stream before it was created.
    await expect.poll(() => firstSequenceAt(Date.now()), patient).toBeGreaterThan(
      firstSequenceAt(Date.parse(created)),
    );
    await manager.streams.delete(stream);
    await expect.poll(() => second.status().isPublisher && second.status().published === 1, patient).toBe(
      true,
    );
    // From here on all that is stored stays.
    const { config } = await manager.streams.info(stream);
    await manager.streams.update(stream, { ...config, max_msgs_per_subject: 1000 });
    proxy.closed = false;
    await expect.poll(() => first.status().isPublisher, patient).toBe(false);
    steady.server.set("pods", runningPod("a", "10.0.0.1", { version: "2" }));
    await expect.poll(() => historyOf(log), patient).toContain('"2"');
    expect(await historyOf(log)).not.toContain("outdated");
  },
);
