import type { Config } from "../config/mod.ts";
import { MeshError } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
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
): Promise<{ readonly bucket: EntryLog; readonly root: string }> {
  const bucket = `${config.nats.stream}_ADDRESSES`;
  const root = `$KV.${bucket}`;
  if (config.nats.servers.length === 0) return { bucket: new EmbeddedEntryLog(new Date(), root), root };
  const stream = `KV_${bucket}`;
  return { bucket: await openStream(config, { name: `${name} addresses`, stream, root }, log), root };
}

async function openStream(
  config: Config,
  what: { readonly name: string; readonly stream: string; readonly root?: string },
  log: Logger,
): Promise<EntryLog> {
  const { servers, replicas, tls, stream: _stream, ...credentials } = config.nats;
  const { name, stream, root } = what;
  if (servers.length === 0) {
    throw new MeshError(
      "configuration",
      `Cannot start ${name} alone: nats.servers is empty. Name the NATS servers, or run all in one process (npm start)`,
    );
  }
  // Where everything is in one process, NATS' client needn't be loaded.
  const { JetStreamEntryLog } = await import("./jetstream.ts");
  return JetStreamEntryLog.open({
    servers,
    name,
    stream,
    root,
    replicas,
    user: given(credentials.user),
    password: given(credentials.password),
    token: given(credentials.token),
    nkeySeed: given(credentials.nkeySeed),
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
