import type { Config } from "../../../shared/config/mod.ts";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import type { HistoryOptions } from "../history/history-options.ts";
import type { StreamIngest } from "../ingest/ingest.ts";
import type { SyncGate } from "../ingest/sync-gate.ts";
import type { HeldPoll } from "../long-polling/long-polling.ts";
import type { CollectorWatch } from "../sources/collector-watch.ts";
import type { Totals } from "../metrics.ts";
import type { SourceOverview } from "../sources/source-overview.ts";
import type { AddressKeeper } from "../virtual-addresses/address-keeper.ts";
import type { ClientStream } from "../xds/client-stream.ts";

/** What `/api/v1` tells of: the parts of a running aggregator, none of which it changes. */
export interface ApiOptions extends HistoryOptions {
  readonly config: Config;
  readonly gate: SyncGate;
  readonly ingest: StreamIngest;
  readonly entryLog: EntryLog;
  readonly overview: SourceOverview;
  readonly collectors: CollectorWatch;
  readonly clients: () => Iterable<ClientStream>;
  /** Polls that are held, if there is long polling. */
  readonly polls?: () => Iterable<HeldPoll>;
  readonly totals: Readonly<Totals>;
  readonly addresses?: AddressKeeper | undefined;
}
