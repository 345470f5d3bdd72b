import { describe, expect, onTestFinished, test } from "vitest";
import { requireReal } from "../../../test/servers/find.ts";
import { NatsCluster } from "../../../test/servers/nats-cluster.ts";
import { allSubjects, termSubject } from "../../model/subject.ts";
import { fenced, newTerm } from "../conformance/fencing.ts";
import { eventually, Follower } from "../conformance/test-follower.ts";
import { ClusterRig } from "./cluster-rig.ts";
import { never, put, readTexts, stream } from "./nats-rig.ts";

/** A cluster with its stream, both gone when the test ends. */
async function startClusterRig(): Promise<ClusterRig> {
  const cluster = await NatsCluster.start();
  const rig = await ClusterRig.start(cluster);
  onTestFinished(async () => {
    await rig[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });
  return rig;
}

describe.skipIf(requireReal("nats-server").skip)("a cluster whose servers are killed", () => {
  test(
    "three leaders are killed under load: nothing acknowledged is lost, no fence is passed, nobody starts over",
    { timeout: 240_000 },
    async () => {
      const rig = await startClusterRig();
      const publishers = [await rig.open(), await rig.open()];
      const owner = await rig.open();
      const follower = new Follower(await rig.open(), allSubjects);
      onTestFinished(async () => await follower.stop());
      await eventually("caught up", () => follower.caughtUp);
      const terms = [await newTerm(owner, "0")];
      const stop = new AbortController();
      /** What was acknowledged last, by subject: the content, which names the term, and the sequence. */
      const latest = new Map<string, { readonly text: string; readonly sequence: number }>();
      let fencedCount = 0;
      const publishing = publishers.map(async (publisher, half) => {
        for (let round = 0; !stop.signal.aborted; round++) {
          const term = terms.at(-1) ?? 0;
          const text = `${term} ${round}`;
          const records = Array.from({ length: 100 }, (_, index) => put(`svc-${half}-${index}`, text));
          const results = await publisher.publish(records.map((record) => fenced(record, term)), never);
          for (const [index, result] of results.entries()) {
            if ("reason" in result) throw new Error(`${result.status}: ${result.reason}`);
            const name = records[index]?.subject ?? "";
            if (result.status === "stored") latest.set(name, { text, sequence: result.sequence });
            else fencedCount++;
          }
        }
      });
      for (let kill = 0; kill < 3; kill++) {
        const before = follower.puts;
        await eventually("load", () => follower.puts > before + 1000);
        const leader = rig.cluster.named((await rig.leader()) ?? "");
        const killing = leader.kill();
        // A new owner takes over in the middle of it.
        terms.push(await newTerm(owner, String(kill + 1), terms.at(-1)));
        await killing;
        await leader.restart();
      }
      const before = follower.puts;
      await eventually("load", () => follower.puts > before + 1000);
      stop.abort();
      await Promise.all(publishing);
      const expected = Object.fromEntries([...latest].map(([name, { text }]) => [name, text]));
      expected[termSubject("eureka", "one")] = "3";
      await eventually(
        "the last state",
        () => Object.entries(expected).every(([name, text]) => follower.texts()[name] === text),
      );
      expect(follower.view.size).toBe(201);
      expect(follower.problems).toEqual([]);
      expect(follower.resets, follower.resets.join("; ")).toHaveLength(1);
      expect(await readTexts(owner)).toEqual(expected);
      expect(fencedCount).toBeGreaterThan(0);
      for (const { text, sequence } of latest.values()) {
        const term = Number(text.split(" ")[0]);
        expect(sequence).toBeGreaterThan(term);
        expect(sequence).toBeLessThan(terms[terms.indexOf(term) + 1] ?? Number.POSITIVE_INFINITY);
      }
    },
  );

  test(
    "a read-back over a server that lags has all that was acknowledged before",
    { timeout: 600_000 },
    async () => {
      const rig = await startClusterRig();
      const publisher = await rig.open();
      await publisher.publish([put("first", "1")], never);
      const leader = await rig.leader();
      const follower = rig.cluster.servers.find((_, index) => `nats-${index}` !== leader);
      const reader = await rig.open({ servers: [follower?.url ?? ""] });
      const churn = new AbortController();
      const records = Array.from({ length: 50 }, (_, index) => put(`churn-${index}`, "x".repeat(2000)));
      const churning = (async () => {
        while (!churn.signal.aborted) await publisher.publish(records, never);
      })();
      let missed = 0;
      for (let round = 0; round < 300; round++) {
        const record = put(`service-${round % 10}`, String(round));
        await publisher.publish([record], never);
        const texts: string[] = [];
        for await (const { data } of reader.readBack(record.subject, never)) {
          texts.push(new TextDecoder().decode(data));
        }
        if (texts.at(-1) !== String(round)) missed++;
      }
      churn.abort();
      await churning;
      expect(missed).toBe(0);
    },
  );

  test(
    "a reader that loses its consumer under load goes on where it was, although servers lag",
    { timeout: 240_000 },
    async () => {
      const rig = await startClusterRig();
      const publisher = await rig.open();
      await publisher.publish([put("first", "1")], never);
      const follower = new Follower(await rig.open(), allSubjects);
      onTestFinished(async () => await follower.stop());
      await eventually("caught up", () => follower.caughtUp);
      const churn = new AbortController();
      const records = Array.from({ length: 100 }, (_, index) => put(`churn-${index}`, "x".repeat(500)));
      const churning = (async () => {
        while (!churn.signal.aborted) await publisher.publish(records, never);
      })();
      const { consumers } = rig.manager;
      for (let round = 0; round < 30; round++) {
        const before = follower.puts;
        await eventually("some headway", () => follower.puts > before + 100);
        for await (const { name } of consumers.list(stream)) {
          // The reader may have given it up meanwhile.
          await consumers.delete(stream, name).catch(() => false);
        }
      }
      churn.abort();
      await churning;
      expect(follower.resets, follower.resets.join("; ")).toHaveLength(1);
      expect(follower.problems).toEqual([]);
    },
  );
});
