/** What a collector shows of itself. */
export interface CollectorStatus {
  /** One line per cluster or connection of the source. */
  readonly connections: readonly {
    readonly name: string;
    readonly synced: boolean;
    readonly lastSuccessAgeMs: number | null;
    readonly lastError: string | null;
  }[];
  /** Records of the registry that can't be used, by place. */
  readonly invalidRecords: ReadonlyMap<string, string>;
}
