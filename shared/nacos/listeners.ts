import { unlessAborted } from "../runtime/waiting.ts";
import { NacosError } from "./nacos-error.ts";
import type { NacosNaming, NamingEvent } from "./nacos.ts";

/** Those who want to hear what happens in a namespace, whatever the driver. */
export class NamingListeners {
  readonly #listeners = new Set<(event: NamingEvent) => void>();

  /** See `NacosNaming.onEvent`. */
  add(listener: (event: NamingEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(event: NamingEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** See `NacosNaming.connected`; `ended` are the signals that give up. @throws NacosError `unreachable` */
export async function untilConnected(naming: NacosNaming, ended: readonly AbortSignal[]): Promise<void> {
  const signal = AbortSignal.any([...ended]);
  if (naming.connection !== undefined && !signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = naming.onEvent(({ type }) => type === "connected" && resolve());
  try {
    await unlessAborted(promise, signal, "registry-unavailable", "Waiting for Nacos");
  } catch (error) {
    const reason = naming.lastError ?? "the client is closed";
    throw new NacosError("unreachable", `no connection to Nacos: ${reason}`, { cause: error });
  } finally {
    end();
  }
}
