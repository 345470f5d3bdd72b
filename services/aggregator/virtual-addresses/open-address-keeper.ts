import { Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { Config } from "../../../shared/config/mod.ts";
import { openAddressBucket } from "../../../shared/entry-log/open-entry-log.ts";
import type { ServiceContext } from "../../../shared/runtime/run-service.ts";
import { AddressRange } from "./address-range.ts";
import { whoIsAddressed } from "../../../shared/istio/addressed-host.ts";
import type { Addressed } from "../../../shared/istio/addressed-host.ts";
import { AddressKeeper } from "./address-keeper.ts";

/** The keeper of virtual addresses as the configuration wants it, and who is given one. */
export interface OpenedAddressKeeper {
  readonly keeper: AddressKeeper;
  readonly addressed: Addressed;
}

/**
 * Opens the bucket of claims and makes its keeper, with metrics; undefined if nobody is to be given an address. The
 * bucket is closed with the service; whoever opens must {@link AddressKeeper.run | run} the keeper.
 */
export async function openAddressKeeper(
  config: Config,
  isComplete: () => boolean,
  metrics: Registry,
  context: ServiceContext,
): Promise<OpenedAddressKeeper | undefined> {
  const { mode, ipv4Range, ipv6Range, releaseAfter } = config.virtualAddresses;
  const addressed = whoIsAddressed(mode, config.profile);
  if (addressed === "none") return undefined;
  const { bucket, root } = await openAddressBucket(config, "aggregator", context.log);
  context.use(bucket);
  const ranges = [ipv4Range, ipv6Range].filter((range) => range !== "").map((range) =>
    new AddressRange(range)
  );
  const keeper = new AddressKeeper({
    bucket,
    root,
    ranges,
    releaseAfterMs: releaseAfter,
    isComplete,
    log: context.log,
  });
  registerMetrics(keeper, metrics);
  return { keeper, addressed };
}

function registerMetrics(keeper: AddressKeeper, metrics: Registry): void {
  const gauge = new Gauge({
    name: "meshregistry_virtual_addresses",
    help:
      "Virtual addresses: claimed; released (claimed, but the host is gone); unclaimed (served, but not in the bucket); " +
      "waiting (entries held back for one); denied (hosts without, because the range is full).",
    labelNames: ["state"],
    registers: [],
    collect() {
      const { claimed, released, unclaimed, waiting, denied } = keeper.status;
      this.set({ state: "claimed" }, claimed);
      this.set({ state: "released" }, released);
      this.set({ state: "unclaimed" }, unclaimed);
      this.set({ state: "waiting" }, waiting);
      this.set({ state: "denied" }, denied.length);
    },
  });
  metrics.registerMetric(gauge);
}
