import { MeshError } from "../../runtime/errors.ts";
import type { DubboInstance } from "./application-node.ts";
import { askOverDubbo } from "./metadata-dubbo-call.ts";
import type { MetadataInfo } from "./metadata-info.ts";
import { askOverTriple } from "./metadata-triple-call.ts";

/** How an instance can be asked for what it offers. */
export interface MetadataAddress {
  readonly protocol: "dubbo" | "tri";
  readonly port: number;
}

/**
 * Where an instance's metadata service is: the node says so, or (2.0.0) it is on the port of `tri`. Undefined if it
 * isn't known, or speaks neither protocol.
 */
export function metadataAddress(instance: DubboInstance): MetadataAddress | undefined {
  const { metadataService, metadataVersion, ports } = instance;
  const named = metadataService?.["protocol"];
  const protocol = named ?? (metadataVersion.startsWith("2.") ? "tri" : undefined);
  if (protocol !== "dubbo" && protocol !== "tri") return undefined;
  const told = Number(metadataService?.["port"]);
  const port = Number.isInteger(told) && told > 0 && told <= 65_535
    ? told
    : ports.get(protocol) ?? instance.port;
  return { protocol, port };
}

/** A function that asks an instance itself, for at most `timeoutMs`. It throws MeshErrors. */
export function askingInstances(timeoutMs: number) {
  return async (instance: DubboInstance, signal: AbortSignal): Promise<MetadataInfo> => {
    const address = metadataAddress(instance);
    if (address === undefined) {
      throw new MeshError(
        "registry-unavailable",
        "its node doesn't say how to ask it in a protocol known here",
      );
    }
    const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    return await (address.protocol === "dubbo" ? askOverDubbo : askOverTriple)(
      instance,
      address.port,
      limited,
    );
  };
}
