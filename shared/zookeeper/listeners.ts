import { MeshError } from "../runtime/errors.ts";
import { unlessAborted } from "../runtime/waiting.ts";
import { toClientPath } from "./connect-string.ts";
import type { SessionEvent, WatchEvent, ZooKeeper } from "./zookeeper.ts";

/** Those who want to hear of a client's session and watches, whatever its driver. */
export class Listeners {
  readonly #chroot: string;
  readonly #session = new Set<(event: SessionEvent) => void>();
  readonly #watch = new Set<(event: WatchEvent) => void>();

  /** @param chroot as in {@link toClientPath} */
  constructor(chroot: string) {
    this.#chroot = chroot;
  }

  /** See {@link ZooKeeper.onSession}. */
  onSession(listener: (event: SessionEvent) => void): () => void {
    this.#session.add(listener);
    return () => void this.#session.delete(listener);
  }

  /** See {@link ZooKeeper.onWatch}. */
  onWatch(listener: (event: WatchEvent) => void): () => void {
    this.#watch.add(listener);
    return () => void this.#watch.delete(listener);
  }

  tellSession(event: SessionEvent): void {
    for (const listener of this.#session) listener(event);
  }

  /** `path` is the server's; what is outside of the chroot is nobody's. */
  tellWatch(type: WatchEvent["type"], path: string): void {
    const clientPath = toClientPath(this.#chroot, path);
    if (clientPath === undefined) return;
    for (const listener of this.#watch) listener({ type, path: clientPath });
  }
}

/**
 * Resolves when a client is connected; `ended` are the signals that give up.
 * @throws MeshError `registry-unavailable` with the last error when one of them aborts before.
 */
export async function untilConnected(zooKeeper: ZooKeeper, ended: readonly AbortSignal[]): Promise<void> {
  const signal = AbortSignal.any([...ended]);
  if (zooKeeper.state === "connected" && !signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = zooKeeper.onSession((event) => event === "connected" && resolve());
  try {
    await unlessAborted(promise, signal, "registry-unavailable", "Waiting for ZooKeeper");
  } catch (error) {
    const reason = zooKeeper.lastError ?? "the client is closed";
    throw new MeshError("registry-unavailable", `no connection to ZooKeeper: ${reason}`, { cause: error });
  } finally {
    end();
  }
}
