import { describe, expect, test } from "vitest";
import { managerOf, startRig, stream } from "../../shared/entry-log/jetstream/nats-rig.ts";
import type { NatsRig } from "../../shared/entry-log/jetstream/nats-rig.ts";
import { encodeSubject } from "../../shared/model/subject.ts";
import { requireReal } from "../../test/servers/find.ts";
import { CollectorRig } from "./collector-rig.ts";
import { eventually, startServer, up } from "./eureka-rig.ts";

const names = Array.from({ length: 100 }, (_, index) => `S${index}`);
const patient = { timeout: 30_000, interval: 20 };

function subjectOf(name: string): string {
  return encodeSubject({
    kind: "ServiceEntry",
    registry: "eureka",
    source: "default",
    namespace: "eureka",
    name,
  });
}

/** A collector of 100 services on a real stream. */
async function follow(nats: NatsRig) {
  const { server, url } = await startServer();
  for (const [index, name] of names.entries()) server.registry.register(name, up(String(index)));
  const entryLog = await nats.open();
  const rig = await CollectorRig.start([url], { entryLog, source: { refreshPeriod: "100ms" } });
  await expect.poll(() => rig.ready, patient).toBe(true);
  return { server, rig, entryLog };
}

/** Services of the stream that have endpoints. */
async function live(rig: CollectorRig): Promise<number> {
  return Object.values(await rig.endpoints()).filter((endpoints) => endpoints !== "").length;
}

describe.skipIf(requireReal("nats-server").skip)("A collector whose stream is lost or damaged", () => {
  test.each([["90 of 100 services are gone", 10], ["all services are gone", 0]])(
    "holds a loss that a registry shows after the stream was deleted: %s",
    { timeout: 120_000 },
    async (_what, left) => {
      const nats = await startRig();
      const { server, rig } = await follow(nats);
      const manager = await managerOf(nats);
      // The loss is there before anybody can notice that the stream is not.
      server.fault = () => new Response(null, { status: 503 });
      await manager.streams.delete(stream);
      server.registry.clear();
      for (const [index, name] of names.slice(0, left).entries()) {
        server.registry.register(name, up(String(index)));
      }
      server.fault = undefined;
      await expect.poll(() => rig.publisher.held().size, patient).toBe(100 - left);
      await expect.poll(() => live(rig), patient).toBe(100);
      await expect.poll(() => rig.ready, patient).toBe(true);
      await rig.release();
      await expect.poll(() => live(rig), patient).toBe(left);
    },
  );

  test("writes over what nobody can read, and says that it is complete", { timeout: 120_000 }, async () => {
    const nats = await startRig();
    const { rig } = await follow(nats);
    await rig.stop();
    const connection = await nats.connect();
    connection.publish(subjectOf("s1"), "garbage");
    connection.publish(subjectOf("s2"), JSON.stringify({ apiVersion: "v9", kind: "ServiceEntry" }));
    connection.publish(subjectOf("s3"), "");
    await connection.flush();
    const { url, server } = await startServer();
    for (const [index, name] of names.entries()) server.registry.register(name, up(String(index)));
    const entryLog = await nats.open();
    const again = await CollectorRig.start([url], { entryLog });
    await expect.poll(() => again.ready, patient).toBe(true);
    expect(await live(again)).toBe(100);

    // The same while it runs: a foreign message is overwritten at once.
    connection.publish(subjectOf("s4"), "garbage");
    await connection.flush();
    await eventually(() => live(again)).toBe(100);
  });
});
