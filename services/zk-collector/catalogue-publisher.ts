import type { CollectorMetrics } from "../../shared/collector/collector-metrics.ts";
import type { SourcePublisher } from "../../shared/collector/source-publisher.ts";
import type { MockService } from "../../shared/conversion/mock-service.ts";
import type { Manifest, ServiceEntryManifest } from "../../shared/model/manifest.ts";
import type { Logger } from "../../shared/runtime/log.ts";
import type { Sidecars } from "./calls/sidecars.ts";
import type { InvalidRecords } from "./invalid-records.ts";
import type { ResourceName, ServiceCatalogue } from "./service-catalogue.ts";

/** What is published, and through what. */
export interface CatalogueSources {
  readonly catalogue: ServiceCatalogue;
  readonly sidecars: Sidecars;
  readonly mock: MockService | undefined;
  readonly publisher: SourcePublisher;
  readonly invalidRecords: InvalidRecords;
  readonly metrics: CollectorMetrics;
  /** `enableEmptyProtection`: what lost its last provider keeps it. */
  readonly keepsLast: boolean;
  readonly log: Logger;
}

/** Publishes the catalogue: some of its services, or all of them, and after them the Sidecars of their callers. */
export class CataloguePublisher {
  readonly #sources: CatalogueSources;
  #holding = false;
  #hasCompared = false;

  constructor(sources: CatalogueSources) {
    this.#sources = sources;
  }

  /** True if the mass-deletion guard held something when all was compared last. */
  get isHolding(): boolean {
    return this.#holding;
  }

  /** Publishes what is under some keys of the catalogue. */
  async publishNamed(keys: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    if (keys.size === 0) return;
    const { catalogue, sidecars, mock, publisher, metrics, keepsLast } = this.#sources;
    const upserts: ServiceEntryManifest[] = [];
    const gone: ResourceName[] = [];
    const converted = new Map<string, readonly ServiceEntryManifest[]>();
    for (const key of keys) {
      const update = catalogue.convert(key);
      upserts.push(...update.manifests);
      if (!keepsLast) gone.push(...update.gone);
      converted.set(key, update.manifests);
      sidecars.changed(update.changedApplications);
    }
    if (mock?.grew === true) upserts.push(mock.manifest());
    metrics.published(await publisher.publishChanges(upserts, gone, signal));
    // Only now: until it is published, what vanished has to be named again.
    for (const [key, manifests] of converted) catalogue.published(key, manifests);
  }

  /** Compares everything with the stream, and publishes what differs. */
  async publishAll(signal: AbortSignal): Promise<void> {
    const { catalogue, sidecars, mock, publisher, invalidRecords, metrics, log } = this.#sources;
    // What was converted ahead has reported already.
    if (this.#hasCompared) invalidRecords.forget("conversion");
    this.#hasCompared = true;
    sidecars.restore(await publisher.readBack(signal), Date.now());
    const services: Manifest[] = [];
    for (const key of catalogue.keys()) {
      const { manifests, changedApplications } = catalogue.convert(key);
      services.push(...manifests);
      sidecars.changed(changedApplications);
      catalogue.published(key, manifests);
    }
    if (mock?.isPublishable === true) services.push(mock.manifest());
    // Whether losses will be held isn't known before they are compared, so no call is taken for gone here.
    const { gone } = sidecars.plan(Date.now(), false);
    const summary = await publisher.publishAll([...services, ...sidecars.manifests()], signal);
    metrics.published(summary);
    this.#holding = publisher.held().size > 0;
    if (gone.length > 0) metrics.published(await publisher.publishChanges([], gone, signal));
    sidecars.settle();
    log.info(summary, "compared everything with the stream");
  }

  /** Publishes the Sidecars that are due. Without `mayRemove` nothing that a Sidecar names is dropped. */
  async publishSidecars(mayRemove: boolean, signal: AbortSignal): Promise<void> {
    const { sidecars, publisher, metrics } = this.#sources;
    if (publisher.needsCompleteRead || sidecars.dueInMs(Date.now(), mayRemove) !== 0) return;
    const { upserts, gone } = sidecars.plan(Date.now(), mayRemove);
    metrics.published(await publisher.publishChanges(upserts, gone, signal));
    sidecars.settle();
  }
}
