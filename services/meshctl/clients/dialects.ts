import { deltaDialect } from "./delta-client.ts";
import type { FollowServer } from "./dialect-client.ts";
import { incrementalDialect } from "./incremental-client.ts";
import { followConfigs } from "./long-poll-client.ts";
import { sotwDialect } from "./sotw-client.ts";
import { xdsClient } from "./xds-client.ts";

/** What `watch` has to know of a dialect. */
export interface Dialect {
  readonly follow: FollowServer;
  /** What the scheme of its URLs is in configurations. */
  readonly scheme: "xds" | "http";
  readonly defaultAddress: string;
  /** What the dialect has: a node to name the revision in, TLS. */
  readonly hasNode: boolean;
  /**
   * How long to wait after an answer for more of it, in milliseconds: the Delta protocol splits large answers, and
   * doesn't mark the last part. 0: an answer comes in one piece.
   */
  readonly morePartsMs: number;
}

/** As `--dialect` takes them. */
export const dialectNames = ["sotw", "delta", "incremental", "http"] as const;
export type DialectName = (typeof dialectNames)[number];

const overGrpc = { scheme: "xds", defaultAddress: "127.0.0.1:16010", hasNode: true, morePartsMs: 0 } as const;

/** The dialects, by name. */
export const dialects: Readonly<Record<DialectName, Dialect>> = {
  sotw: { ...overGrpc, follow: xdsClient(sotwDialect) },
  delta: { ...overGrpc, follow: xdsClient(deltaDialect), morePartsMs: 500 },
  incremental: { ...overGrpc, follow: xdsClient(incrementalDialect) },
  http: {
    scheme: "http",
    defaultAddress: "127.0.0.1:8432",
    hasNode: false,
    morePartsMs: 0,
    follow: followConfigs,
  },
};
