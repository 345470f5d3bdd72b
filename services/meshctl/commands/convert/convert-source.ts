import type { LoadedConfig } from "../../../../shared/config/mod.ts";
import type { Manifest } from "../../../../shared/model/manifest.ts";

/** What a registry's answer was converted to. */
export interface Conversion {
  readonly manifests: readonly Manifest[];
  /** Records that were left out: where, and why. */
  readonly invalidRecords: readonly { readonly path: string; readonly reason: string }[];
  /** Sentences for the user about how the input was understood. */
  readonly notes: readonly string[];
}

/**
 * The dry run of one registry. `input` is what the registry answered, as text.
 * @throws MeshError `protocol-violation` if the input can't be such an answer.
 */
export type ConvertInput = (input: string, loaded: LoadedConfig, signal: AbortSignal) => Promise<Conversion>;

/** A registry whose answers can be converted. */
export interface ConvertSource {
  readonly convert: ConvertInput;
  /**
   * Reads the registry itself, where that is possible; `address` replaces the configuration's.
   * @throws MeshError `registry-unavailable`
   */
  readonly convertLive?: (
    address: readonly string[],
    loaded: LoadedConfig,
    signal: AbortSignal,
  ) => Promise<Conversion>;
  /** Whether the configuration has this source switched on. */
  readonly isEnabled: (loaded: LoadedConfig) => boolean;
  /** Our own configuration with the source on and everything else by default, in JSON. */
  readonly defaultConfig: string;
}
