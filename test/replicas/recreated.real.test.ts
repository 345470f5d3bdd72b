import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { firstSequenceAt } from "../../shared/entry-log/jetstream/config.ts";
import { subjectRoot, syncMarkerSubject, termSubject } from "../../shared/model/subject.ts";
import { readTerm } from "../../shared/model/term.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import { recordedEureka, recordedZooKeeper } from "./registries.ts";
import { cut, readHistory, Replica } from "./rig.ts";
import { TermWatch } from "./term-watch.ts";

const services = 40;
const stream = "MESH_ENTRIES";
const soon = { timeout: 30_000, interval: 5 };

// The term is the first message of both streams: counted from 1, its sequence would be the same in both.
test.skipIf(requireReal("nats-server").skip).each([
  ["ZooKeeper", recordedZooKeeper],
  ["Eureka", recordedEureka],
])(
  "a replica of %s stores nothing under its old term in a stream that was recreated while it was cut off",
  { timeout: 180_000 },
  async (_name, startRegistry) => {
    await using stack = new AsyncDisposableStack();
    const registry = stack.use(await startRegistry());
    const change = () => {
      for (let service = 0; service < services; service++) registry.add(service);
    };
    change();
    const nats = stack.use(await startNats());
    const connection = await connect({ servers: nats.url });
    stack.defer(async () => await connection.close());
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const subject = termSubject(registry.token, "default");
    /** The members of the term in the stream of now, if it is its first message. */
    const membersInFirstMessage = async (): Promise<readonly string[]> => {
      try {
        const { state } = await manager.streams.info(stream);
        const message = await manager.streams.getMessage(stream, { last_by_subj: subject });
        if (message?.seq !== state.first_seq) return [];
        return readTerm(message.data)?.spec.members ?? [];
      } catch {
        return [];
      }
    };
    /** How often each replica is on the stream. */
    const written = async (member: string) =>
      (await readHistory(nats.url)).filter((item) => item.type === "entry" && item.member === member).length;

    const late = stack.use(await Replica.start(registry, nats.port));
    const steady = stack.use(await Replica.start(registry, nats.port));
    const terms = stack.use(await TermWatch.start(nats.url, subject));
    await terms.until(2);
    const [lateMember, steadyMember] = [await late.member(), await steady.member()];
    await manager.streams.delete(stream);
    await expect.poll(membersInFirstMessage, soon).toHaveLength(2);
    // With a sync marker, all that each of them has to do for the new stream is done.
    const marker = { last_by_subj: syncMarkerSubject(registry.token, "default") };
    await expect.poll(() => manager.streams.getMessage(stream, marker).catch(() => null), soon).not
      .toBeNull();

    // What it publishes from here on is sent once more when it is back, by a view that it can't read anew.
    let onItsWay = "";
    late.nats.onSwallowed = (data) => onItsWay += data.toString("latin1");
    late.nats.swallowRequests = true;
    change();
    await expect.poll(() => onItsWay.includes(`${subjectRoot}.ServiceEntry.`), soon).toBe(true);
    cut(late.registry, true);
    cut(late.nats, true);
    late.nats.swallowRequests = false;
    const { created } = await manager.streams.info(stream);
    // Not in the second in which the stream before it was created.
    await expect.poll(() => firstSequenceAt(Date.now()), soon).toBeGreaterThan(
      firstSequenceAt(Date.parse(created)),
    );
    await manager.streams.delete(stream);
    change();
    await expect.poll(membersInFirstMessage, soon).not.toEqual([]);
    await expect.poll(() => written(steadyMember), soon).toBeGreaterThan(0);
    // From here on all that is stored stays.
    const { config } = await manager.streams.info(stream);
    await manager.streams.update(stream, { ...config, max_msgs_per_subject: 1000 });
    cut(late.nats, false);
    await expect.poll(() => late.termMembers(), soon).toEqual([steadyMember]);
    expect(await written(lateMember), "entries of the replica that was cut off").toBe(0);

    cut(late.registry, false);
    await terms.until(2);
    const shown = async () => {
      const history = await readHistory(nats.url);
      return Object.fromEntries(
        history.flatMap((item) => item.type === "entry" ? [[item.host, item.endpoints]] : []),
      );
    };
    const wanted = Object.fromEntries([...registry.truth].map(([host, states]) => [host, states.at(-1)]));
    await expect.poll(shown, { timeout: 60_000 }).toEqual(wanted);
  },
);
