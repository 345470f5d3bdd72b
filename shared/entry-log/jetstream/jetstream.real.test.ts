import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requireReal } from "../../../test/servers/find.ts";
import { NatsCluster } from "../../../test/servers/nats-cluster.ts";
import { ClusterRig } from "./cluster-rig.ts";
import { follow, NatsRig, never, put, readTexts, startRig, stream, subject } from "./nats-rig.ts";
import { eventually } from "../conformance/test-follower.ts";
import { describeConformance } from "../conformance/conformance.ts";

const encoder = new TextEncoder();

describe.skipIf(requireReal("nats-server").skip)("with a real nats-server", () => {
  describeConformance("JetStreamEntryLog", () => NatsRig.start());
});

describe.skipIf(requireReal("nats-server").skip)("with a cluster of three", () => {
  let cluster: NatsCluster | undefined;
  beforeAll(async () => {
    cluster = await NatsCluster.start();
  });
  afterAll(async () => await cluster?.[Symbol.asyncDispose]());

  describeConformance("JetStreamEntryLog", async () => {
    if (cluster === undefined) throw new TypeError("no cluster");
    return await ClusterRig.start(cluster);
  });
});

describe.skipIf(requireReal("nats-server").skip)("permissions", () => {
  const config = `
    authorization { users: [
      { user: admin, password: secret }
      { user: collector, password: secret, permissions: {
          publish: { allow: ["mesh.entries.*.eureka.>", "$JS.API.STREAM.INFO.${stream}", "$JS.API.DIRECT.GET.${stream}"] }
          subscribe: { allow: ["_INBOX_collector.>"] } } }
      { user: aggregator, password: secret, permissions: {
          publish: { allow: ["$JS.API.STREAM.INFO.${stream}", "$JS.API.DIRECT.GET.${stream}",
            "$JS.API.CONSUMER.CREATE.${stream}.*.mesh.entries.>", "$JS.API.CONSUMER.MSG.NEXT.${stream}.*",
            "$JS.API.CONSUMER.DELETE.${stream}.*"] }
          subscribe: { allow: ["_INBOX_aggregator.>"] } } } ] }`;
  const user = (name: string) => ({ user: name, password: "secret", inboxPrefix: `_INBOX_${name}` });

  test("the least that each needs is enough, and a foreign registry is refused with an error", async () => {
    const rig = await startRig({ config });
    const collector = rig.openLater(user("collector"));
    const aggregator = rig.openLater(user("aggregator"));
    await eventually(
      "says that the stream is missing",
      () => collector.status().detail.includes("missing"),
    );
    await rig.open(user("admin"));
    const follower = await follow(aggregator);
    const data = encoder.encode(JSON.stringify(Array.from({ length: 200_000 }, () => Math.random())));
    const foreign = subject("x").replace(".eureka.", ".nacos.");
    const results = await collector.publish([put("a", "1"), { subject: subject("large"), data }], never);
    expect(results.map(({ status }) => status)).toEqual(["stored", "stored"]);
    const mixed = await collector.publish([{ subject: foreign, data }, put("b", "1")], never);
    const reason = expect.stringContaining("mesh.entries.Part.nacos.");
    expect(mixed).toMatchObject([{ status: "refused", reason }, { status: "stored" }]);
    await eventually("all three", () => follower.view.size === 3);
    expect(Object.keys(await readTexts(collector))).toHaveLength(3);
    expect(await aggregator.publish([put("a", "1")], never)).toMatchObject([{ status: "refused" }]);
  });

  test("wrong credentials are named, and the log waits", async () => {
    const rig = await startRig({ config });
    await expect(connect({ servers: rig.server.url, user: "admin", pass: "wrong" })).rejects.toThrow();
    const wrong = rig.openLater({ user: "admin", password: "wrong" });
    await eventually("says why", () => /authorization/i.test(wrong.status().detail));
    expect(wrong.status().connected).toBe(false);
  });
});
