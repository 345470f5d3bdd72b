import { describe, expect, it, onTestFinished } from "vitest";
import { EmbeddedEntryLog } from "../../../shared/entry-log/embedded.ts";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import { allFacts, factsRoot } from "../../../shared/facts/fact-subject.ts";
import { openCluster } from "../../../shared/kubernetes/open-cluster.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import { SimulatedKubernetes } from "../../../shared/simulators/kubernetes/server.ts";
import { contentOf, namesOn, patient, publish, runningPod, startCluster } from "./facts-rig.ts";

/** A log of facts that a test cuts off. */
class FaultyLog extends EmbeddedEntryLog {
  /** Publishes of pods that fail from now on. */
  failures = 0;
  /** Subjects that are refused, with the reason. */
  refuses: RegExp | undefined;

  constructor() {
    super(new Date(), factsRoot);
  }

  override async publish(...[records, signal]: Parameters<EntryLog["publish"]>) {
    if (this.failures > 0 && records.some(({ subject }) => subject.includes(".Pod."))) {
      this.failures--;
      throw new MeshError("entry-log-unavailable", "the connection to NATS broke");
    }
    const results = await super.publish(
      records.filter(({ subject }) => this.refuses?.test(subject) !== true),
      signal,
    );
    return records.map(({ subject }) =>
      this.refuses?.test(subject) === true
        ? { status: "refused" as const, reason: "message too large" }
        : results.shift() ?? { status: "conflict" as const, sequence: 0 }
    );
  }
}

describe("facts of a cluster, whatever happens", () => {
  it("a change that couldn't be published is published later, and so is a comparison", async () => {
    const { server, open } = await startCluster();
    server.set("pods", runningPod("a", "10.0.0.1", { version: "1" }));
    const factsLog = new FaultyLog();
    factsLog.failures = 1;
    publish(await open(), factsLog);
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home a"]);
    factsLog.failures = 1;
    server.set("pods", runningPod("a", "10.0.0.1", { version: "2" }));
    await expect.poll(async () => (await contentOf(factsLog)).found["home a"], patient)
      .toMatchObject({ labels: { version: "2" } });
  });

  it("a message that is refused holds up no other, and is forgotten with its pod", async () => {
    const { server, open } = await startCluster();
    server.set("pods", runningPod("a", "10.0.0.1"));
    server.set("pods", runningPod("b", "10.0.0.2"));
    const factsLog = new FaultyLog();
    factsLog.refuses = /\.a$/;
    const { facts } = publish(await open(), factsLog);
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home b"]);
    await expect.poll(() => facts.remark, patient).toMatch(/refuses 1 messages.*message too large/);
    server.delete("pods", { namespace: "shop", name: "a" });
    await expect.poll(() => facts.remark, patient).toBeUndefined();
  });

  it("new credentials that don't work leave the earlier connection in use, and that is said", async () => {
    const { server, url } = await startCluster();
    server.tokens.set("good", "reader");
    const withToken = (token: string) =>
      openCluster({ kind: "text", text: server.kubeconfig(url, { token }) }, {
        name: "home",
        maxRetryMs: 20,
        environment: {},
      });
    server.set("pods", runningPod("a", "10.0.0.1"));
    const factsLog = new FaultyLog();
    const { facts } = publish(await withToken("good"), factsLog);
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home a"]);
    await facts.replace(await withToken("wrong"));
    await expect.poll(() => facts.remark, patient).toMatch(/new credentials of cluster home don't work/);
    server.set("pods", runningPod("b", "10.0.0.2"));
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home a", "home b"]);
  });

  it("a node that may not be read any more keeps its facts", async () => {
    const { server, open } = await startCluster();
    server.set("nodes", { metadata: { name: "n1", labels: { zone: "z1" } } });
    server.set("pods", runningPod("a", "10.0.0.1"));
    const factsLog = new FaultyLog();
    const first = publish(await open(), factsLog);
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home a", "home n1"]);
    await first.stop();
    server.denies = (_user, _verb, kind) => kind === "nodes";
    server.set("pods", runningPod("b", "10.0.0.2"));
    publish(await open(), factsLog, "second");
    await expect.poll(async () => (await namesOn(factsLog)).includes("home b"), patient).toBe(true);
    expect(await namesOn(factsLog)).toEqual(["home a", "home b", "home n1"]);
  });

  it("a storm of versions that are gone, and of objects that are cut off, loses and adds nothing", async () => {
    const { server, open } = await startCluster();
    for (let count = 0; count < 10; count++) server.set("pods", runningPod(`p${count}`, `10.0.0.${count}`));
    const factsLog = new FaultyLog();
    publish(await open(), factsLog);
    await expect.poll(async () => (await namesOn(factsLog)).length, patient).toBe(10);
    const deleted: string[] = [];
    const stop = new AbortController();
    const following = (async () => {
      for await (const event of factsLog.follow(allFacts, stop.signal)) {
        if (event.type === "delete") deleted.push(event.subject);
      }
    })();
    for (let round = 0; round < 12; round++) {
      if (round % 3 === 0) server.compact();
      else if (round % 3 === 1) server.breakWatches();
      else server.finishWatches();
      server.set("pods", runningPod("p0", "10.0.0.0", { round: String(round) }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(async () => (await contentOf(factsLog)).found["home p0"], patient)
      .toMatchObject({ labels: { round: "11" } });
    expect(await namesOn(factsLog)).toHaveLength(10);
    stop.abort();
    await following;
    expect(deleted).toEqual([]);
  });

  it("an API server that was replaced by an empty one takes no facts away at once", async () => {
    const { server, url, open } = await startCluster();
    for (let count = 0; count < 3; count++) server.set("pods", runningPod(`p${count}`, `10.0.0.${count}`));
    const factsLog = new FaultyLog();
    const { facts } = publish(await open(), factsLog);
    await expect.poll(async () => (await namesOn(factsLog)).length, patient).toBe(3);
    await server.stop();
    const empty = new SimulatedKubernetes();
    onTestFinished(() => empty[Symbol.asyncDispose]());
    // Its versions are beyond ours, and those before are gone.
    for (let count = 0; count < 20; count++) empty.set("namespaces", { metadata: { name: `n${count}` } });
    empty.compact();
    await empty.listen(new URL(url).host);
    await expect.poll(() => facts.status().held, patient).toBe(3);
    expect(await namesOn(factsLog)).toHaveLength(3);
  });
});
