import { describe, expect, it, onTestFinished } from "vitest";
import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type { EntryLog, LogEvent } from "../entry-log/entry-log.ts";
import { createLogger } from "../runtime/log.ts";
import { nodeFactBytes, podFactBytes } from "./fact.ts";
import type { PodFact } from "./fact.ts";
import { clusterSubject, decodeFactSubject, factsRoot, nodeSubject, podSubject } from "./fact-subject.ts";
import { FactsFollower } from "./facts-follower.ts";

const patient = { timeout: 60_000, interval: 5 };
const signal = new AbortController().signal;
const log = createLogger("test");
log.level = "silent";

function synced(id: string): Uint8Array {
  return Buffer.from(JSON.stringify({ id, pods: 1, nodes: 1, at: "now" }));
}

function pod(ip: string, labels: Record<string, string> = {}): PodFact {
  return { ips: [ip], node: "n1", account: "", labels, created: 1 };
}

function follow(factsLog: Pick<EntryLog, "follow">, waitMs = 60_000) {
  const whole: EntryLog = Object.assign(new EmbeddedEntryLog(new Date(), factsRoot), {
    follow: (filter: string, until: AbortSignal) => factsLog.follow(filter, until),
  });
  const follower = new FactsFollower({ factsLog: whole, home: "home", waitMs, log });
  const changes: string[][] = [];
  follower.onChange((addresses) => changes.push([...addresses]));
  const stop = new AbortController();
  const running = follower.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await running;
  });
  return { follower, changes };
}

describe("subjects", () => {
  it("are read back", () => {
    const ids = [
      podSubject("a.b", "shop", "orders.v1-x"),
      nodeSubject("east", "ip-10-0-0-1.ec2.internal"),
      clusterSubject("Synced", "a b"),
    ].map((subject) => decodeFactSubject(subject));
    expect(ids).toEqual([
      { kind: "Pod", cluster: "a.b", namespace: "shop", name: "orders.v1-x" },
      { kind: "Node", cluster: "east", name: "ip-10-0-0-1.ec2.internal" },
      { kind: "Synced", cluster: "a b" },
    ]);
    for (const foreign of ["mesh.entries.Pod.a.b.c", "mesh.facts.Pod.a.b", "mesh.facts.What.a.b.c"]) {
      expect(decodeFactSubject(foreign)).toBeUndefined();
    }
  });
});

describe("FactsFollower", () => {
  it("is ready when all clusters have been read, and tells changes from then on", async () => {
    const factsLog = new EmbeddedEntryLog(new Date(), factsRoot);
    const put = (subject: string, data: Uint8Array | null) => factsLog.publish([{ subject, data }], signal);
    await put(clusterSubject("Term", "home"), Buffer.from("{}"));
    await put(podSubject("home", "shop", "a"), podFactBytes(pod("10.0.0.1")));
    const { follower, changes } = follow(factsLog);
    await expect.poll(() => follower.pods, patient).toBe(1);
    expect([follower.isReady, changes]).toEqual([false, []]);
    await put(clusterSubject("Synced", "home"), synced("1"));
    await expect.poll(() => follower.isReady, patient).toBe(true);
    await put(podSubject("home", "shop", "a"), podFactBytes(pod("10.0.0.1", { v: "2" })));
    await put(nodeSubject("home", "n1"), nodeFactBytes({ labels: { zone: "z" }, created: 1 }));
    await expect.poll(() => follower.of("10.0.0.1")?.nodeLabels, patient).toEqual({ zone: "z" });
    await put(podSubject("home", "shop", "a"), null);
    await expect.poll(() => follower.of("10.0.0.1"), patient).toBeUndefined();
    await expect.poll(() => changes.at(-1), patient).toEqual(["10.0.0.1"]);
    expect([changes[0], new Set(changes.flat())]).toEqual([[], new Set(["10.0.0.1"])]);
  });

  it("doesn't wait for ever", async () => {
    const factsLog = new EmbeddedEntryLog(new Date(), factsRoot);
    await factsLog.publish([{ subject: clusterSubject("Term", "home"), data: Buffer.from("{}") }], signal);
    const { follower } = follow(factsLog, 20);
    await expect.poll(() => follower.isReady, patient).toBe(true);
  });

  it("keeps what it knows through a loss of the stream, until everything is published anew", async () => {
    const next = Promise.withResolvers<void>();
    const events: LogEvent[] = [];
    let sequence = 0;
    const put = (subject: string, data: Uint8Array) =>
      events.push({ type: "put", subject, data, sequence: ++sequence });
    events.push({ type: "reset", reason: "first read", streamId: "1" });
    put(podSubject("home", "shop", "a"), podFactBytes(pod("10.0.0.1")));
    put(podSubject("home", "shop", "b"), podFactBytes(pod("10.0.0.2")));
    put(clusterSubject("Synced", "home"), synced("1"));
    events.push({ type: "caught-up", sequence });
    // Rolled back: the earlier word is there again.
    events.push({ type: "reset", reason: "rolled back", streamId: "1" });
    put(podSubject("home", "shop", "a"), podFactBytes(pod("10.0.0.1")));
    put(clusterSubject("Synced", "home"), synced("1"));
    events.push({ type: "caught-up", sequence });
    const { follower } = follow({
      async *follow() {
        yield* events;
        await next.promise;
        yield { type: "put", subject: clusterSubject("Synced", "home"), data: synced("2"), sequence: 99 };
      },
    });
    await expect.poll(() => follower.isReady, patient).toBe(true);
    expect([follower.of("10.0.0.1")?.name, follower.of("10.0.0.2")?.name]).toEqual(["a", "b"]);
    next.resolve();
    await expect.poll(() => follower.of("10.0.0.2"), patient).toBeUndefined();
    expect(follower.of("10.0.0.1")?.name).toBe("a");
  });
});
