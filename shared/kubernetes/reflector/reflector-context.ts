import type { ApiResponse } from "../http/transport.ts";
import type { RequestKind } from "../kubernetes.ts";

/** What reflectors of a cluster share. */
export interface ReflectorContext {
  readonly cluster: string;
  readonly silenceMs: number;
  readonly watchMs: number;
  readonly pageSize: number;
  readonly maxObjectBytes: number;
  readonly maxRetryMs: number;
  /** Aborts when the cluster is disposed of. */
  readonly signal: AbortSignal;
  /** Sends a request. @throws KubernetesError, or MeshError if the credentials can't be read */
  get(kind: RequestKind, path: string, signal: AbortSignal): Promise<ApiResponse>;
  /** The server refused our credentials. */
  unauthorized(): void;
  refusesWatchList(): boolean;
  /** The server refused a WatchList: it needn't be asked again. */
  watchListRefused(): void;
  /** The reflector has been disposed of. */
  ended(): void;
}
