import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { ownerOf } from "../../shared/collector/ownership.ts";
import { provenanceIn } from "../../shared/entry-log/jetstream/wire.ts";
import { decodeSubject, subjectRoot, termKind, termSubject } from "../../shared/model/subject.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import { recordedZooKeeper } from "./registries.ts";
import { Replica } from "./rig.ts";
import { TermWatch } from "./term-watch.ts";

const services = 300;
const entries = `${subjectRoot}.ServiceEntry.>`;

// The replicas look at the stream one after the other: one has its share back before another knows that it lost any.
test.skipIf(requireReal("nats-server").skip)(
  "entries that were purged beside their term are all there again before the next sync marker",
  { timeout: 180_000 },
  async () => {
    await using stack = new AsyncDisposableStack();
    const registry = stack.use(await recordedZooKeeper());
    for (let service = 0; service < services; service++) registry.add(service);
    const nats = stack.use(await startNats());
    const connection = await connect({ servers: nats.url });
    stack.defer(async () => await connection.close());
    const manager = await jetstreamManager(connection, { checkAPI: false });
    /** The units of entries, by subject. */
    const stored = new Map<string, string | undefined>();
    /** How many entries were stored before each marker of the term. */
    const markers: number[] = [];
    connection.subscribe(`${subjectRoot}.>`, {
      callback: (_error, { subject, headers }) => {
        const kind = decodeSubject(subject)?.kind;
        if (kind === "ServiceEntry") stored.set(subject, provenanceIn(headers)?.unit);
        else if (kind === "SyncMarker") markers.push(stored.size);
        else if (kind === termKind) markers.length = 0;
      },
    });
    await connection.flush();
    const replicas: Replica[] = [];
    for (let replica = 0; replica < 3; replica++) {
      replicas.push(stack.use(await Replica.start(registry, nats.port)));
    }
    const terms = stack.use(await TermWatch.start(nats.url, termSubject(registry.token, "default")));
    await terms.until(3);
    const members = await Promise.all(replicas.map((replica) => replica.member()));
    const late = replicas.find((_, index) => members[index] !== ownerOf("sync-marker", members));
    const lateMember = await late?.member();
    const published = async () => {
      const { state } = await manager.streams.info("MESH_ENTRIES", { subjects_filter: entries });
      return Object.keys(state.subjects ?? {}).length;
    };
    await expect.poll(() => markers.length, { timeout: 30_000 }).toBeGreaterThan(0);
    expect(await published()).toBe(services);
    stored.clear();
    markers.length = 0;
    late?.service.signal("SIGSTOP");
    await manager.streams.purge("MESH_ENTRIES", { filter: entries });
    // The others publish their shares again while its lease still holds.
    await expect.poll(published, { timeout: 30_000, interval: 5 }).toBeGreaterThan(0);
    const before = await settled(published);
    expect(before).toBeLessThan(services);
    late?.service.signal("SIGCONT");
    await expect.poll(published, { timeout: 60_000 }).toBe(services);
    await expect.poll(() => markers.length, { timeout: 30_000 }).toBeGreaterThan(0);
    const owners = [...stored.values()].map((unit = "") => ownerOf(unit, members));
    expect(owners).toContain(lateMember);
    expect(new Set(markers), "entries before each marker").toEqual(new Set([services]));
  },
);

/** The value when it stays the same for a moment. */
async function settled(value: () => Promise<number>): Promise<number> {
  for (let last = await value();;) {
    await delay(200);
    const now = await value();
    if (now === last) return now;
    last = now;
  }
}
