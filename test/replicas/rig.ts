import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { vi } from "vitest";
import { z } from "zod";
import { configOf } from "../../shared/entry-log/jetstream/config.ts";
import { JetStreamEntryLog } from "../../shared/entry-log/jetstream/jetstream.ts";
import { TcpProxy } from "../../shared/entry-log/jetstream/tcp-proxy-rig.ts";
import { compareCodePoints } from "../../shared/istio/mod.ts";
import { Manifest } from "../../shared/model/manifest.ts";
import {
  allSubjects,
  decodeSubject,
  isBookkeepingKind,
  subjectRoot,
  termKind,
} from "../../shared/model/subject.ts";
import { readTerm } from "../../shared/model/term.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { startService } from "../end-to-end/services.ts";
import type { Service } from "../end-to-end/services.ts";
import { seededRandom } from "../seeded-random.ts";
import type { Stored } from "./history.ts";
import type { RecordedRegistry } from "./registries.ts";

const log = createLogger("test");
log.level = "silent";

/** What a collector tells of itself. */
const State = z.object({
  member: z.string(),
  term: z.object({ members: z.array(z.string()) }).nullable(),
});

/** A replica of a collector as a process of its own, with connections that can be cut. */
export class Replica implements AsyncDisposable {
  readonly service: Service;
  readonly nats: TcpProxy;
  readonly registry: TcpProxy;
  readonly #state: string;

  private constructor(service: Service, nats: TcpProxy, registry: TcpProxy, state: string) {
    this.#state = state;
    this.service = service;
    this.nats = nats;
    this.registry = registry;
  }

  /** `from`: where the collector's program lies, if it isn't this one. */
  static async start(registry: RecordedRegistry, natsPort: number, from?: string): Promise<Replica> {
    const [natsProxy, registryProxy] = [await TcpProxy.start(natsPort), await TcpProxy.start(registry.port)];
    const service = await startService(
      registry.service,
      {
        nats: { servers: [natsProxy.url] },
        ...registry.configOf(Number(new URL(registryProxy.url).port)),
      },
      1,
      from,
    );
    return new Replica(service, natsProxy, registryProxy, `/meshregistry/collectors/${registry.token}`);
  }

  /** The name under which it shares the source, since its last start. */
  async member(): Promise<string> {
    return (await this.#ask()).member;
  }

  /** The replicas that share the source, as far as this one knows; none while it knows of no term. */
  async termMembers(): Promise<readonly string[]> {
    return (await this.#ask()).term?.members ?? [];
  }

  async #ask(): Promise<z.infer<typeof State>> {
    return State.parse(JSON.parse(await this.service.get(this.#state)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of [this.service, this.nats, this.registry]) await part[Symbol.asyncDispose]();
  }
}

/** Cuts or restores a connection. */
export function cut(proxy: TcpProxy, isCut: boolean): void {
  proxy.closed = isCut;
  if (isCut) proxy.cut();
}

/** Makes the stream so that it keeps all that was ever stored: the history is read from it. */
export async function createRecordingStream(url: string, replicas: number): Promise<void> {
  const connection = await connect({ servers: url });
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const config = configOf({ stream: "MESH_ENTRIES", root: subjectRoot, replicas, create: true });
  // A cluster takes requests only when it has elected its leader.
  await vi.waitFor(() => manager.streams.add({ ...config, max_msgs_per_subject: 100_000 }), {
    timeout: 60_000,
  });
  await connection.close();
}

/** Everything that the stream has stored, in its order. */
export async function readHistory(url: string): Promise<Stored[]> {
  const stop = new AbortController();
  const { signal } = stop;
  await using entryLog = await JetStreamEntryLog.connect({
    servers: [url],
    name: "history",
    create: false,
    log,
    signal,
  });
  const history: Stored[] = [];
  for await (const event of entryLog.follow(allSubjects, signal)) {
    if (event.type === "caught-up") break;
    if (event.type === "delete") history.push({ type: "deleted", subject: event.subject });
    if (event.type !== "put") continue;
    const kind = decodeSubject(event.subject)?.kind;
    if (kind === termKind) history.push({ type: "term", members: readTerm(event.data)?.spec.members ?? [] });
    if (isBookkeepingKind(kind)) continue;
    const manifest = Manifest.parse(JSON.parse(Buffer.from(event.data).toString("utf8")));
    if (manifest.kind !== "ServiceEntry") continue;
    history.push({
      type: "entry",
      host: manifest.spec.hosts[0] ?? "",
      endpoints: (manifest.spec.endpoints ?? []).map(({ address = "" }) => address).toSorted(
        compareCodePoints,
      ).join(" "),
      unit: event.provenance?.unit ?? "",
      member: event.provenance?.member ?? "",
    });
  }
  return history;
}

/** Changes random services, each time with instances that never were, until it is stopped. */
export class Churn {
  changes = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(registry: RecordedRegistry, services: number, everyMs: number, seed: number) {
    const random = seededRandom(seed);
    this.#timer = setInterval(() => {
      const service = Math.floor(random() * services);
      registry.add(service);
      if (registry.count(service) > 3) registry.removeOldest(service);
      this.changes++;
    }, everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
