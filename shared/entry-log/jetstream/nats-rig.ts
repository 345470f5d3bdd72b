import { jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamManager } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import { onTestFinished } from "vitest";
import type { MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import { startNats } from "../../../test/servers/nats.ts";
import type { NatsOptions, NatsServer } from "../../../test/servers/nats.ts";
import { allSubjects, encodeSubject } from "../../model/subject.ts";
import { createLogger } from "../../runtime/log.ts";
import type { EntryLog, LogRecord } from "../entry-log.ts";
import { JetStreamEntryLog } from "./jetstream.ts";
import type { JetStreamOptions } from "./jetstream.ts";
import { TcpProxy } from "./tcp-proxy-rig.ts";
import { eventually, Follower } from "../conformance/test-follower.ts";

/** A real nats-server of a test's own, and the handles that were opened on it: all closed in the end. */
export class NatsRig implements AsyncDisposable {
  readonly server: NatsServer;
  readonly #stack = new AsyncDisposableStack();
  readonly #stop = new AbortController();

  private constructor(server: NatsServer) {
    this.server = this.#stack.use(server);
  }

  static async start(options?: NatsOptions): Promise<NatsRig> {
    return new NatsRig(await startNats(options));
  }

  /** A connected log; `options` may name another address, credentials, … */
  async open(options: Partial<JetStreamOptions> = {}): Promise<JetStreamEntryLog> {
    const log = await JetStreamEntryLog.connect({ ...this.#options(options), signal: this.#stop.signal });
    return this.#stack.use(log);
  }

  /** A log that may not have connected yet. */
  openLater(options: Partial<JetStreamOptions> = {}): JetStreamEntryLog {
    return this.#stack.use(JetStreamEntryLog.open(this.#options(options)));
  }

  /** A plain connection, for what an administrator or a stranger does. */
  async connect(options: { readonly user?: string; readonly pass?: string } = {}): Promise<NatsConnection> {
    const connection = await connect({
      servers: this.server.url,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      ...options,
    });
    this.#stack.defer(async () => await connection.close());
    return connection;
  }

  /** A proxy in front of the server. */
  async proxy(): Promise<TcpProxy> {
    return this.#stack.use(await TcpProxy.start(this.server.port));
  }

  #options(options: Partial<JetStreamOptions>): JetStreamOptions {
    const log = createLogger("entry-log-test");
    log.level = process.env["LOG_LEVEL"] ?? "silent";
    return { servers: [this.server.url], name: "test", log, ...options };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#stack.disposeAsync();
  }
}

/** Headers of a message of NATS. */
export function headersOf(values: Readonly<Record<string, string>>): MsgHdrs {
  const made = headers();
  for (const [name, value] of Object.entries(values)) made.set(name, value);
  return made;
}

/** The name that the log gives its stream. */
export const stream = "MESH_ENTRIES";

/** A signal that never aborts. */
export const never = new AbortController().signal;

/** The subject of a service of the source that the tests publish. */
export function subject(name: string): string {
  return encodeSubject({
    kind: "ServiceEntry",
    registry: "eureka",
    source: "one",
    namespace: "default",
    name,
  });
}

/** A record with a text for its content. */
export function put(name: string, text: string): LogRecord & { readonly data: Uint8Array } {
  return { subject: subject(name), data: new TextEncoder().encode(text) };
}

/** Records `svc-0` … with the same text. */
export function many(count: number, text: string): ReturnType<typeof put>[] {
  return names(count).map((name) => put(name, text));
}

/** `svc-0` … */
export function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `svc-${index}`);
}

/** A rig that is closed when the test ends. */
export async function startRig(options?: NatsOptions): Promise<NatsRig> {
  const rig = await NatsRig.start(options);
  onTestFinished(async () => await rig[Symbol.asyncDispose]());
  return rig;
}

/** A follower that has caught up; stopped when the test ends. */
export async function follow(log: EntryLog): Promise<Follower> {
  const follower = new Follower(log, allSubjects);
  onTestFinished(async () => await follower.stop());
  await eventually("caught up", () => follower.caughtUp);
  return follower;
}

/** The reasons of the resets that a publisher is told from now on. */
export function watchResets(log: EntryLog): string[] {
  const reasons: string[] = [];
  log.onReset((reason) => reasons.push(reason));
  return reasons;
}

/** What the log holds, as text by subject. */
export async function readTexts(log: EntryLog): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  const decoder = new TextDecoder();
  for await (const entry of log.readBack(allSubjects, never)) {
    texts[entry.subject] = decoder.decode(entry.data);
  }
  return texts;
}

/** The sequence of the n-th message (1: the first) that the stream has ever stored. */
export async function sequenceOf(rig: NatsRig, message: number): Promise<number> {
  const { config } = await (await managerOf(rig)).streams.info(stream);
  return config.first_seq + message - 1;
}

/** An administrator's view of JetStream. */
export async function managerOf(rig: NatsRig): Promise<JetStreamManager> {
  return await jetstreamManager(await rig.connect(), { checkAPI: false });
}
