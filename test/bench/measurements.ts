import { aggregatorLoad } from "./aggregator-load.ts";
import { changes } from "./changes.ts";
import { conversion } from "./conversion.ts";
import { encode } from "./encode.ts";
import { entryLog } from "./entry-log.ts";
import { idle } from "./idle.ts";
import { latency } from "./latency.ts";
import type { Measurement } from "./measurement.ts";
import { push } from "./push.ts";
import { transport } from "./transport.ts";
import { zookeeperConversion } from "./zookeeper-conversion.ts";

/** All measurements, in the order in which they run. */
export const measurements: readonly Measurement[] = [
  conversion,
  zookeeperConversion,
  entryLog,
  aggregatorLoad,
  encode,
  push,
  transport,
  changes,
  latency,
  idle,
];
