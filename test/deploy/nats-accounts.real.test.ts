import { connect, headers, nkeyAuthenticator, nkeys } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { accountsConf } from "../../shared/entry-log/jetstream/accounts-conf.ts";
import { eventually, Follower } from "../../shared/entry-log/conformance/test-follower.ts";
import { CollectorQuestions } from "../../services/aggregator/sources/collector-questions.ts";
import { answerQuestions } from "../../shared/collector/trace/question-desk.ts";
import { JetStreamEntryLog } from "../../shared/entry-log/jetstream/jetstream.ts";
import { leaseFilter, leaseSubject, releaseSubject } from "../../shared/model/collector-lease.ts";
import {
  allSubjects,
  encodeSubject,
  sourceFilter,
  syncMarkerSubject,
  termSubject,
} from "../../shared/model/subject.ts";
import {
  allFacts,
  clusterFilter,
  clusterSubject,
  factsRoot,
  kindFilter,
  podSubject,
} from "../../shared/facts/fact-subject.ts";
import { isTraceSubject } from "../../shared/model/trace-question.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";

const encoder = new TextEncoder();
const never = new AbortController().signal;
const bucketRoot = "$KV.MESH_ENTRIES_COLLECTORS";
const bucketStream = "KV_MESH_ENTRIES_COLLECTORS";
const data = encoder.encode("{}");

const userNames = ["aggregator", "tap", "eureka", "zookeeper", "kubernetes"] as const;

/** A server with the accounts of `meshctl nats-accounts`. */
async function startRig() {
  const seeds = new Map<string, Uint8Array>();
  const keys = new Map<string, string>();
  for (const name of userNames) {
    const user = nkeys.createUser();
    seeds.set(name, user.getSeed());
    keys.set(name, user.getPublicKey());
  }
  const config = accountsConf(["eureka", "zookeeper", "kubernetes"], keys);
  const server = await startNats({ config });
  const stack = new AsyncDisposableStack();
  stack.use(server);
  onTestFinished(async () => await stack.disposeAsync());
  const seedOf = (user: typeof userNames[number]) => seeds.get(user) ?? new Uint8Array();
  const log = createLogger("accounts-test");
  log.level = process.env["LOG_LEVEL"] ?? "silent";
  return {
    /** As a service opens it. */
    open(user: typeof userNames[number], what: { readonly stream?: string; readonly root?: string } = {}) {
      const nkeySeed = new TextDecoder().decode(seedOf(user));
      return stack.use(JetStreamEntryLog.open({ servers: [server.url], name: user, nkeySeed, log, ...what }));
    },
    async connect(user: typeof userNames[number]): Promise<NatsConnection> {
      const connection = await connect({
        servers: server.url,
        authenticator: nkeyAuthenticator(seedOf(user)),
      });
      stack.defer(async () => await connection.close());
      return connection;
    },
  };
}

function follow(log: JetStreamEntryLog, filter: string): Follower {
  const follower = new Follower(log, filter);
  onTestFinished(async () => await follower.stop());
  return follower;
}

function service(registry: string, name: string): string {
  return encodeSubject({ kind: "ServiceEntry", registry, source: "default", namespace: "default", name });
}

describe.skipIf(requireReal("nats-server").skip)("accounts of meshctl nats-accounts", () => {
  test("a collector shares its source with others: terms, fences, leases, following", async () => {
    const rig = await startRig();
    const aggregator = rig.open("aggregator");
    const aggregatorBucket = rig.open("aggregator", { stream: bucketStream, root: bucketRoot });
    const all = follow(aggregator, allSubjects);
    const leases = follow(aggregatorBucket, `${bucketRoot}.>`);
    await eventually("the aggregator reads", () => all.caughtUp && leases.caughtUp);

    const [one, two] = [rig.open("eureka"), rig.open("eureka")];
    const bucket = rig.open("eureka", { stream: bucketStream, root: bucketRoot });
    const followers = [one, two].map((log) => follow(log, sourceFilter("eureka", "default")));
    const others = follow(bucket, leaseFilter(bucketRoot, "eureka", "default"));
    const releases = follow(bucket, releaseSubject(bucketRoot, "eureka", "default"));
    await eventually(
      "the collector reads",
      () => [...followers, others, releases].every(({ caughtUp }) => caughtUp),
    );

    const [lease] = await bucket.publish(
      [{ subject: leaseSubject(bucketRoot, "eureka", "default", "a"), data, ttlMs: 10_000 }],
      never,
    );
    expect(lease?.status).toBe("stored");
    await eventually("the lease is seen", () => others.view.size === 1 && leases.view.size === 1);
    const [term] = await one.publish(
      [{ subject: termSubject("eureka", "default"), data, expectedSequence: 0 }],
      never,
    );
    const sequence = term?.status === "stored" ? term.sequence : -1;
    const fence = { subject: termSubject("eureka", "default"), sequence };
    const large = new Uint8Array(1_500_000).map(() => Math.random() * 256);
    const records = [
      ...Array.from({ length: 500 }, (_, index) => ({ subject: service("eureka", `svc-${index}`), data })),
      { subject: service("eureka", "large"), data: large },
      { subject: syncMarkerSubject("eureka", "default"), data },
    ].map((record) => ({ ...record, fence }));
    const results = await two.publish(records, never);
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(["stored"]));
    for (const follower of [...followers, all]) {
      await eventually("all of it", () => follower.view.size === 503);
      expect(follower.view.get(service("eureka", "large"))?.length).toBe(large.length);
      expect(follower.problems).toEqual([]);
      expect(follower.resets).toEqual(["first read"]);
    }
    const read: string[] = [];
    for await (const { subject } of one.readBack(sourceFilter("eureka", "default"), never)) {
      read.push(subject);
    }
    expect(read).toHaveLength(503);

    const request = { subject: releaseSubject(bucketRoot, "eureka", "default"), data };
    expect(await aggregatorBucket.publish([request], never)).toMatchObject([{ status: "stored" }]);
    await eventually("the release is seen", () => releases.view.size === 1);
  });

  test("a question reaches the collectors of its registry and no others, and the answer the aggregator", async () => {
    const rig = await startRig();
    const what = { stream: bucketStream, root: bucketRoot };
    const [aggregator, eureka, zookeeper] = [
      rig.open("aggregator", what),
      rig.open("eureka", what),
      rig.open("zookeeper", what),
    ];
    const stop = new AbortController();
    const log = createLogger("accounts-test");
    log.level = "silent";
    const answered: string[] = [];
    const desk = (bucket: JetStreamEntryLog, registry: string, member: string) =>
      answerQuestions({
        registry,
        source: "default",
        member,
        bucket: { bucket, root: bucketRoot },
        answer: (question) => {
          answered.push(`${member} ${question.by === "held" ? question.by : question.text}`);
          return { owns: true, findings: [] };
        },
        log,
      }, stop.signal);
    // The second one is a ZooKeeper's collector that wants to hear what Eureka's are asked.
    const desks = [
      desk(eureka, "eureka", "one"),
      desk(zookeeper, "eureka", "spy"),
      desk(zookeeper, "zookeeper", "two"),
    ];
    const questions = new CollectorQuestions({ bucket: aggregator, root: bucketRoot });
    const taking = (async () => {
      for await (const event of aggregator.follow(`${bucketRoot}.>`, stop.signal)) {
        if (event.type === "put" && isTraceSubject(bucketRoot, event.subject)) questions.take(event.data);
      }
    })();
    onTestFinished(async () => {
      stop.abort();
      await Promise.all([...desks, taking]);
    });
    const ask = async (registry: string) =>
      (await questions.ask({ registry, source: "default" }, { by: "host", text: registry }, 1)).map((
        { member },
      ) => member);
    await expect.poll(() => ask("eureka")).toEqual(["one"]);
    await expect.poll(() => ask("zookeeper")).toEqual(["two"]);
    expect(answered).toContain("one eureka");
    expect(answered).not.toContain("spy eureka");
  });

  test("facts of pods are written by the Kubernetes collector, and followed by all", async () => {
    const rig = await startRig();
    const what = { stream: "MESH_ENTRIES_FACTS", root: factsRoot };
    const aggregator = rig.open("aggregator", what);
    const [kubernetes, eureka] = [rig.open("kubernetes", what), rig.open("eureka", what)];
    const follower = follow(eureka, allFacts);
    const own = follow(kubernetes, clusterFilter("home"));
    await eventually("both read", () => follower.caughtUp && own.caughtUp);
    const [term] = await kubernetes.publish([
      { subject: clusterSubject("Term", "home"), data, expectedSequence: 0 },
    ], never);
    const fence = {
      subject: clusterSubject("Term", "home"),
      sequence: term?.status === "stored" ? term.sequence : -1,
    };
    const subject = podSubject("home", "shop", "a");
    expect(await kubernetes.publish([{ subject, data, fence }], never)).toMatchObject([{ status: "stored" }]);
    await eventually("the pod is seen", () => follower.view.has(subject) && own.view.has(subject));
    expect(await eureka.publish([{ subject, data }], never)).toMatchObject([{ status: "refused" }]);
    const read: string[] = [];
    for await (const entry of aggregator.readBack(kindFilter("Pod"), never)) read.push(entry.subject);
    expect(read).toEqual([subject]);
  });

  test("a collector writes and follows nothing of another registry", async () => {
    const rig = await startRig();
    const aggregator = rig.open("aggregator");
    const aggregatorBucket = rig.open("aggregator", { stream: bucketStream, root: bucketRoot });
    await eventually("streams", () => aggregator.status().connected && aggregatorBucket.status().connected);
    const collector = rig.open("eureka");
    const results = await collector.publish([
      { subject: service("eureka", "own"), data },
      { subject: service("zookeeper", "foreign"), data },
      { subject: service("eureka", "own-2"), data },
    ], never);
    expect(results.map(({ status }) => status)).toEqual(["stored", "refused", "stored"]);
    const connection = await rig.connect("eureka");
    const ask = async (subject: string, config: object) =>
      await connection.request(subject, JSON.stringify(config), { timeout: 1500 }).then(
        (answer) => answer.json<{ error?: { description: string } }>().error?.description ?? "done",
        () => "refused",
      );
    const filter = "mesh.entries.*.zookeeper.>";
    const create = (name: string, subject: string, config: object) =>
      ask(`$JS.API.CONSUMER.CREATE.MESH_ENTRIES.${name}.${subject}`, {
        stream_name: "MESH_ENTRIES",
        config: { name, filter_subject: subject, ack_policy: "none", ...config },
      });
    expect(await create("spy", filter, {})).not.toBe("done");
    expect(await create("spy", allSubjects, {})).not.toBe("done");
    expect(await ask("$JS.API.STREAM.DELETE.MESH_ENTRIES", {})).not.toBe("done");
    expect(await ask("$JS.API.STREAM.PURGE.MESH_ENTRIES", {})).not.toBe("done");
    expect(await ask(leaseSubject(bucketRoot, "zookeeper", "default", "a"), {})).not.toBe("done");
    expect(aggregator.status().connected).toBe(true);
  });

  test("a collector can't have the server write for it, nor sweep away what others wrote", async () => {
    const rig = await startRig();
    const aggregator = rig.open("aggregator");
    const roots = ["$KV.MESH_ENTRIES_COLLECTORS", "$KV.MESH_ENTRIES_ADDRESSES"];
    const buckets = roots.map((root) =>
      rig.open("aggregator", { stream: root.replace("$KV.", "KV_"), root })
    );
    await eventually("streams", () => [aggregator, ...buckets].every((log) => log.status().connected));
    const zookeeper = rig.open("zookeeper");
    await zookeeper.publish([{ subject: service("zookeeper", "a"), data }], never);
    const connection = await rig.connect("eureka");
    // Answers that are to go where the collector may not write …
    const stolen = { reply: service("zookeeper", "forged") };
    connection.publish("$JS.API.STREAM.INFO.MESH_ENTRIES", "", stolen);
    connection.publish(
      "$JS.API.DIRECT.GET.MESH_ENTRIES",
      JSON.stringify({ seq: 1, next_by_subj: ">" }),
      stolen,
    );
    // … consumers that are to deliver there …
    const own = "mesh.entries.*.eureka.>";
    const targets = [
      service("zookeeper", "forged"),
      leaseSubject(bucketRoot, "zookeeper", "default", "forged"),
      "$KV.MESH_ENTRIES_ADDRESSES.241-0-0-1",
      "$JS.API.STREAM.PURGE.MESH_ENTRIES",
    ];
    for (const [index, target] of targets.entries()) {
      const name = `push-${index}`;
      const config = { name, filter_subject: own, ack_policy: "none", deliver_subject: target };
      await connection.request(
        `$JS.API.CONSUMER.CREATE.MESH_ENTRIES.${name}.${own}`,
        JSON.stringify({ stream_name: "MESH_ENTRIES", config }),
        { timeout: 5000 },
      );
    }
    // … and a message that replaces everything.
    const rollup = headers();
    rollup.set("Nats-Rollup", "all");
    const answer = await connection.request(service("eureka", "sweep"), "{}", {
      headers: rollup,
      timeout: 5000,
    });
    expect(answer.json()).toMatchObject({ error: { description: expect.stringContaining("rollup") } });
    const eureka = rig.open("eureka");
    await eureka.publish([{ subject: service("eureka", "b"), data }], never);
    // What the attacks would have stored comes before an own message that went the whole way.
    const follower = follow(aggregator, allSubjects);
    const bucketFollowers = buckets.map((log, index) => follow(log, `${roots[index]}.>`));
    await eventually("all read", () => [follower, ...bucketFollowers].every(({ caughtUp }) => caughtUp));
    await eureka.publish([{ subject: service("eureka", "c"), data }], never);
    await eventually("the last one", () => follower.view.has(service("eureka", "c")));
    expect([...follower.view.keys()]).toEqual([
      service("zookeeper", "a"),
      service("eureka", "b"),
      service("eureka", "c"),
    ]);
    for (const { view } of bucketFollowers) expect(view.size).toBe(0);
  });
});
