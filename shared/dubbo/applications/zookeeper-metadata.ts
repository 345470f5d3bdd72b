import { errorText } from "../../runtime/errors.ts";
import type { InvalidRecord } from "../conversion/registry-records.ts";
import { approximateServices, readMappings } from "./metadata-definitions.ts";
import type { DefinitionAccess } from "./metadata-definitions.ts";
import { decodeMetadataInfo } from "./metadata-info.ts";
import type { OfferedService } from "./metadata-info.ts";
import type { MetadataStore } from "./metadata-resolver.ts";

/** What Dubbo's applications keep in ZooKeeper of what they offer. */
export class ZookeeperMetadata implements MetadataStore {
  readonly #root: string;
  readonly #access: DefinitionAccess;
  readonly #report: (problem: InvalidRecord) => void;
  /** Interfaces by application, for approximations; read when first needed. */
  #mappings: Promise<Map<string, string[]>> | undefined;

  /** `root` is `registryRootNode`: metadata are below it. */
  constructor(root: string, access: DefinitionAccess, report: (problem: InvalidRecord) => void) {
    this.#root = root.replace(/\/+$/, "");
    this.#access = access;
    this.#report = report;
  }

  /** Java writes below `metadata`, dubbo-go beside it. */
  async stored(application: string, revision: string): Promise<readonly OfferedService[] | undefined> {
    for (const path of [`metadata/${application}/${revision}`, `${application}/${revision}`]) {
      const full = `${this.#root}/${path}`;
      try {
        const data = await this.#access.readNode(full);
        // A directory of the same name has no content, or an address that Curator put there.
        if (data?.[0] === 0x7b) return decodeMetadataInfo(data).services;
      } catch (error) {
        this.#report({ path: full, reason: errorText(error) });
      }
    }
    return undefined;
  }

  /** From the definitions of the interfaces that the application is mapped to. */
  async defined(application: string): Promise<readonly OfferedService[]> {
    const reading = this.#mappings ??= readMappings(this.#root, this.#access);
    try {
      const interfaces = (await reading).get(application) ?? [];
      return await approximateServices(application, interfaces, this.#root, this.#access, this.#report);
    } catch (error) {
      if (this.#mappings === reading) this.#mappings = undefined;
      throw error;
    }
  }

  /** Mappings are read again when they are needed. */
  forget(): void {
    this.#mappings = undefined;
  }
}
