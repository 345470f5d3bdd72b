import type { InvalidRecord } from "../../../shared/collector/invalid-records.ts";
import type { DubboInstance } from "../../../shared/dubbo/applications/application-node.ts";
import { decodeMetadataInfo } from "../../../shared/dubbo/applications/metadata-info.ts";
import type { OfferedService } from "../../../shared/dubbo/applications/metadata-info.ts";
import type { MetadataStore } from "../../../shared/dubbo/applications/metadata-resolver.ts";
import type { ConfigName } from "../../../shared/nacos/nacos.ts";
import { errorText } from "../../../shared/runtime/errors.ts";
import { nameOfConfig } from "./dubbo-names.ts";

/** Which cluster and namespace something is in. */
export interface NacosPlace {
  readonly registryId: string;
  readonly namespace: string;
}

/** Reads a configuration of a cluster; undefined if there is none. Rejects if it can't be read. */
export type ReadConfig = (
  registryId: string,
  config: ConfigName,
  signal: AbortSignal,
) => Promise<string | undefined>;

/**
 * What Dubbo's applications keep in Nacos' configurations of what they offer (`metadata-type: remote`): one for each
 * revision, in the namespace where they are registered.
 */
export class NacosMetadata implements MetadataStore {
  readonly #readConfig: ReadConfig;
  readonly #placeOf: (instancePath: string) => NacosPlace | undefined;
  readonly #report: (problem: InvalidRecord) => void;
  readonly #signal: AbortSignal;

  constructor(
    readConfig: ReadConfig,
    placeOf: (instancePath: string) => NacosPlace | undefined,
    report: (problem: InvalidRecord) => void,
    signal: AbortSignal,
  ) {
    this.#readConfig = readConfig;
    this.#placeOf = placeOf;
    this.#report = report;
    this.#signal = signal;
  }

  /** Java and dubbo-go write a configuration named after the application, in a group named after the revision. */
  async stored(
    application: string,
    revision: string,
    instances: readonly DubboInstance[],
  ): Promise<readonly OfferedService[] | undefined> {
    const written = nameOfConfig(application);
    const group = nameOfConfig(revision);
    if (written === undefined || group === undefined) return undefined;
    for (const { registryId, namespace } of this.#placesOf(instances)) {
      const names = [
        { namespace, group, dataId: written },
        // dubbo-go before 3.2.
        { namespace, group: "DEFAULT_GROUP", dataId: `${written}:${group}` },
      ];
      for (const config of names) {
        const place = `${
          registryId === "" ? "" : `${registryId}: `
        }configuration ${namespace}/${config.group}`;
        try {
          // One after the other: the second is there where the first isn't.
          // oxlint-disable-next-line no-await-in-loop
          const content = await this.#readConfig(registryId, config, this.#signal);
          if (content !== undefined && content !== "") {
            return decodeMetadataInfo(Buffer.from(content)).services;
          }
        } catch (error) {
          this.#report({ path: `${place}/${config.dataId}`, reason: errorText(error) });
        }
      }
    }
    return undefined;
  }

  #placesOf(instances: readonly DubboInstance[]): NacosPlace[] {
    const places = new Map<string, NacosPlace>();
    for (const { path } of instances) {
      const place = this.#placeOf(path);
      if (place !== undefined) places.set(`${place.registryId}\n${place.namespace}`, place);
    }
    return [...places.values()];
  }

  /** Configurations can't be listed by those who may only read them, so definitions of services aren't found. */
  defined(): Promise<readonly OfferedService[]> {
    return Promise.resolve([]);
  }

  /** Nothing is kept. */
  forget(): void {}
}
