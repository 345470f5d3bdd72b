import type { Config } from "../config/mod.ts";
import { MeshError } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import { factsRoot } from "../facts/fact-subject.ts";
import { EmbeddedEntryLog } from "./embedded.ts";
import type { EntryLog } from "./entry-log.ts";

/**
 * The entry log of a service that shares it with others: NATS JetStream. Answers without waiting for NATS, which
 * everything else does.
 * @throws MeshError `configuration` without `nats.servers`: an embedded log would be shared with nobody.
 */
export async function openSharedEntryLog(config: Config, name: string, log: Logger): Promise<EntryLog> {
  return await openStream(config, { name, stream: config.nats.stream }, log);
}

/**
 * The log of what Kubernetes knows of pods and nodes, see `facts/fact-subject.ts`. It is a stream beside that of the
 * entries, named after it, so that people who tap entries see no pods.
 * @throws MeshError `configuration` without `nats.servers`, as {@link openSharedEntryLog}.
 */
export async function openFactsLog(config: Config, name: string, log: Logger): Promise<EntryLog> {
  const stream = `${config.nats.stream}_FACTS`;
  return await openStream(
    config,
    { name: `${name} facts`, stream, root: factsRoot, description: "what is known of pods and nodes" },
    log,
  );
}

/** {@link openFactsLog} in this process alone. */
export function embeddedFactsLog(): EntryLog {
  return new EmbeddedEntryLog(new Date(), factsRoot);
}

/**
 * The key-value bucket in which the aggregators write down who has which virtual address: in NATS, or of this process
 * where the entry log is embedded, too. It is a log like that of the entries, of subjects `<root>.<key>`, so claims
 * have its compare-and-set, its pipelining and its honesty about resets. For people it is a bucket of NATS' own kind:
 * a bucket `B` is a stream `KV_B` with the subjects `$KV.B.>` (NATS ADR-8), and `nats kv ls B` shows it. Each entry log
 * has a bucket of its own, named after it: two meshes in one NATS don't know each other's hosts.
 */
export async function openAddressBucket(
  config: Config,
  name: string,
  log: Logger,
): Promise<Bucket> {
  return await openBucket(config, name, { purpose: "addresses", description: addresses }, log);
}

/** A key-value bucket: a log of the subjects `<root>.<key>`. */
export interface Bucket {
  readonly bucket: EntryLog;
  readonly root: string;
}

/**
 * The key-value bucket in which collectors keep their leases, see `collector-lease.ts`. Where the entry log is embedded,
 * the caller hands the same one to collectors and aggregator.
 */
export async function openCollectorsBucket(config: Config, name: string, log: Logger): Promise<Bucket> {
  return await openBucket(config, name, { purpose: "collectors", description: collectors }, log);
}

/** A bucket of this process alone. */
export function embeddedBucket(name: string): Bucket {
  const root = `$KV.${name}`;
  return { bucket: new EmbeddedEntryLog(new Date(), root), root };
}

const addresses = "which host has which virtual address";
const collectors = "which replicas of collectors there are";

async function openBucket(
  config: Config,
  name: string,
  { purpose, description }: { readonly purpose: string; readonly description: string },
  log: Logger,
): Promise<Bucket> {
  const bucket = `${config.nats.stream}_${purpose.toUpperCase()}`;
  const root = `$KV.${bucket}`;
  if (config.nats.servers.length === 0) return embeddedBucket(bucket);
  const stream = `KV_${bucket}`;
  const messagesExpire = purpose === "collectors";
  const what = { name: `${name} ${purpose}`, stream, root, description, messagesExpire };
  return { bucket: await openStream(config, what, log), root };
}

async function openStream(
  config: Config,
  what: {
    readonly name: string;
    readonly stream: string;
    readonly root?: string;
    readonly description?: string;
    readonly messagesExpire?: boolean;
  },
  log: Logger,
): Promise<EntryLog> {
  const { servers, replicas, tls, stream: _stream, ...credentials } = config.nats;
  const { name } = what;
  if (servers.length === 0) {
    throw new MeshError(
      "configuration",
      `Cannot start ${name} alone: nats.servers is empty. Name the NATS servers, or run all in one process (npm start)`,
    );
  }
  // Where everything is in one process, NATS' client needn't be loaded.
  const { JetStreamEntryLog } = await import("./jetstream/jetstream.ts");
  return JetStreamEntryLog.open({
    ...what,
    servers,
    replicas,
    user: given(credentials.user),
    password: given(credentials.password),
    token: given(credentials.token),
    nkeySeed: given(credentials.nkeySeed),
    nkeySeedFile: given(credentials.nkeySeedFile),
    credsFile: given(credentials.credsFile),
    tls: tls && {
      ...(tls.caFile === "" ? {} : { caFile: tls.caFile }),
      ...(tls.certFile === "" ? {} : { certFile: tls.certFile }),
      ...(tls.keyFile === "" ? {} : { keyFile: tls.keyFile }),
    },
    log,
  });
}

/** A key that is not set is an empty text in the configuration. */
function given(text: string): string | undefined {
  return text === "" ? undefined : text;
}
