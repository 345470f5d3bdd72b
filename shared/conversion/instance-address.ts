import { addressFault, isLoopback } from "../istio/mod.ts";

/**
 * Why an instance can't be an endpoint at a canonical address, as the end of a sentence; undefined if it can. The same
 * in all registries: what no proxy can reach is left out, and so are loopback addresses, which some processes register
 * by mistake and every proxy has for its own. `allowLoopback` takes them, for tests on one host.
 */
export function instanceAddressFault(address: string, allowLoopback: boolean): string | undefined {
  if (address.startsWith("unix:")) {
    return "has a unix socket for an address, which is one of the caller's own host";
  }
  const fault = addressFault(address);
  if (fault !== undefined || allowLoopback || !isLoopback(address)) return fault;
  return `has a loopback address (${address}), at which every proxy finds its own host; ` +
    "allowLoopback in the configuration takes it all the same";
}
