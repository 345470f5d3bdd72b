import type { LoadedConfig } from "../../config/mod.ts";
import type { SourceSection } from "../../config/named-sources.ts";
import type { Conversion } from "../../model/dry-run.ts";

export type { Conversion } from "../../model/dry-run.ts";

/** The part of a configuration that a conversion depends on. */
export type ConversionConfig = Pick<LoadedConfig, "config" | "environment">;

/**
 * The dry run of one registry. `input` is what the registry answered, as text.
 * @throws MeshError `protocol-violation` if the input can't be such an answer.
 */
export type ConvertInput = (
  input: string,
  loaded: ConversionConfig,
  signal: AbortSignal,
) => Promise<Conversion>;

/** A registry whose answers can be converted. */
export interface ConvertSource {
  /** Where its sources are configured. */
  readonly section: SourceSection;
  readonly convert: ConvertInput;
  /**
   * Reads the registry itself, where that is possible; `address` replaces the configuration's.
   * @throws MeshError `registry-unavailable`
   */
  readonly convertLive?: (
    address: readonly string[],
    loaded: ConversionConfig,
    signal: AbortSignal,
  ) => Promise<Conversion>;
  /**
   * Reads the registry anew and converts it with `loaded`, but where and as whom it is read is as in `running`. Both have
   * this source as their only one.
   * @throws MeshError `registry-unavailable`
   */
  readonly convertAnew: (
    loaded: ConversionConfig,
    running: ConversionConfig,
    signal: AbortSignal,
  ) => Promise<Conversion>;
  /** Whether the configuration has this source switched on. */
  readonly isEnabled: (loaded: LoadedConfig) => boolean;
  /** Our own configuration with the source on and everything else by default, in JSON. */
  readonly defaultConfig: string;
}
