import type { Config } from "../config/mod.ts";
import { MeshError } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import type { EntryLog } from "./entry-log.ts";
import { JetStreamEntryLog } from "./jetstream.ts";

/**
 * The entry log of a service that shares it with others: NATS JetStream. Answers at once; everything waits until NATS
 * can be reached.
 * @throws MeshError `configuration` without `nats.servers`: an embedded log would be shared with nobody.
 */
export function openSharedEntryLog(config: Config, name: string, log: Logger): EntryLog {
  const { servers, stream, replicas, tls, ...credentials } = config.nats;
  if (servers.length === 0) {
    throw new MeshError(
      "configuration",
      `Cannot start ${name} alone: nats.servers is empty. Name the NATS servers, or run all in one process (npm start)`,
    );
  }
  return JetStreamEntryLog.open({
    servers,
    name,
    stream,
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
