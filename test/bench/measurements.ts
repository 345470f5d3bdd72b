import { accounts } from "./accounts.ts";
import { aggregatorLoad } from "./aggregator-load.ts";
import { conflicts } from "./conflicts.ts";
import { consolePage } from "./console.ts";
import { conversion } from "./conversion.ts";
import { dialectCosts } from "./dialects.ts";
import { encode } from "./encode.ts";
import { entryLog } from "./entry-log.ts";
import { facts } from "./facts.ts";
import { idle } from "./idle.ts";
import { kubernetes } from "./kubernetes.ts";
import { latency } from "./latency.ts";
import type { Measurement } from "./measurement.ts";
import { nacos, nacosLarge, nacosReal } from "./nacos.ts";
import { push } from "./push.ts";
import { replicas } from "./replicas.ts";
import { scale } from "./scale.ts";
import { steady } from "./steady.ts";
import { shards } from "./shards.ts";
import { transport } from "./transport.ts";
import { zookeeper } from "./zookeeper.ts";
import { zookeeperConversion } from "./zookeeper-conversion.ts";

/** All measurements, in the order in which they run. */
export const measurements: readonly Measurement[] = [
  conversion,
  zookeeperConversion,
  entryLog,
  accounts,
  aggregatorLoad,
  encode,
  conflicts,
  push,
  transport,
  dialectCosts,
  shards,
  latency,
  zookeeper,
  kubernetes,
  nacos,
  nacosLarge,
  nacosReal,
  replicas,
  facts,
  idle,
  consolePage,
  steady,
  scale,
];
