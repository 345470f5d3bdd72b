import type { KubernetesError } from "./kubernetes-error.ts";

/**
 * What meshregistry asks of a Kubernetes API server: read all objects of a kind, follow their changes, never take an
 * outage for a deletion. `openCluster` in `open-cluster.ts` opens one; tests use the simulator in
 * `shared/simulators/kubernetes`, which passes the same suite as a real API server (`test/simulators/kubernetes-suite.ts`).
 */
export interface KubernetesCluster extends AsyncDisposable {
  /** The cluster's name in messages; see {@link ClusterOptions.name}. */
  readonly name: string;
  /** URL of the API server, without credentials: `https://10.0.0.1:6443`. */
  readonly server: string;
  /** Requests sent so far, by kind. */
  readonly requests: Readonly<Record<RequestKind, number>>;
  /**
   * Reads all objects of a selection and follows their changes until the reflector or the cluster is disposed of. It
   * begins in a later turn, so that a listener may use the returned value. Failures are events and are retried; nothing
   * is thrown.
   */
  reflect<T>(selection: ResourceSelection, options: ReflectorOptions<T>): Reflector<T>;
}

/** `list`: one page; `watchList`: initial events and the watch that follows; `watch`: resumed from a version. */
export type RequestKind = "list" | "watchList" | "watch";

/**
 * Where the address and the credentials of a cluster come from.
 *
 * - `in-cluster`: the service account of our own pod. Its token file is read again for each request.
 * - `file`: a kubeconfig of the user's, read again after the server refused its credentials. Default of `context`: its
 *   `current-context`. Exec plugins and files that it names are used, relative ones from its folder.
 * - `text`: a kubeconfig of the user's that is no file; relative file names in it are refused.
 * - `untrusted`: a kubeconfig that somebody else wrote, as in a multicluster Secret. Whatever would run a program or
 *   read a file here is refused, and so is a server without TLS.
 */
export type ClusterAccess =
  | { readonly kind: "in-cluster" }
  | { readonly kind: "file"; readonly path: string; readonly context?: string }
  | { readonly kind: "text"; readonly text: string; readonly context?: string }
  | { readonly kind: "untrusted"; readonly text: string };

/** How to talk to a cluster. Times in milliseconds. */
export interface ClusterOptions {
  /** The cluster's name in messages, such as its id. */
  readonly name: string;
  /** Maximum time for connecting and for the header of a response. Default 30 000. */
  readonly responseTimeoutMs?: number;
  /** Maximum time without a byte in a stream. Servers send a bookmark every minute. Default 90 000. */
  readonly silenceMs?: number;
  /** The server is asked to end a watch after this time (± 25 %); the watch is then resumed. Default 300 000. */
  readonly watchMs?: number;
  /** Objects per page of a list. Default 500. */
  readonly pageSize?: number;
  /** A larger object, or line of a watch, is a protocol violation. Default 64 MiB. */
  readonly maxObjectBytes?: number;
  /** The longest pause between two attempts. Default 30 000. */
  readonly maxRetryMs?: number;
  /**
   * For `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, upper or lower case, and for what Kubernetes tells pods
   * about their API server. Default: the environment of the process.
   */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** A kind of objects as it stands in URLs. The core group is `""`. */
export interface Resource {
  readonly group: string;
  readonly version: string;
  /** Lower case, plural. */
  readonly plural: string;
}

/** The kinds that collectors read. */
export const resources = {
  services: { group: "", version: "v1", plural: "services" },
  pods: { group: "", version: "v1", plural: "pods" },
  nodes: { group: "", version: "v1", plural: "nodes" },
  namespaces: { group: "", version: "v1", plural: "namespaces" },
  secrets: { group: "", version: "v1", plural: "secrets" },
  endpointSlices: { group: "discovery.k8s.io", version: "v1", plural: "endpointslices" },
  serviceExportsV1alpha1: { group: "multicluster.x-k8s.io", version: "v1alpha1", plural: "serviceexports" },
  serviceExportsV1beta1: { group: "multicluster.x-k8s.io", version: "v1beta1", plural: "serviceexports" },
} as const satisfies Record<string, Resource>;

/** Selects pods that run, or will: those that have ended are of no interest. */
export const livingPods = "status.phase!=Succeeded,status.phase!=Failed";

/** Which objects of a kind. */
export interface ResourceSelection {
  readonly resource: Resource;
  /** Default: all of them, which takes a ClusterRole. For some namespaces open a reflector for each. */
  readonly namespace?: string;
  /** As in the API: `istio/multiCluster=true`. */
  readonly labelSelector?: string;
  /** As in the API: `status.phase!=Succeeded,metadata.namespace!=kube-system`. */
  readonly fieldSelector?: string;
}

/** An object as it arrived: name and version are checked, the rest is as the server sent it. */
export interface ReceivedObject {
  readonly name: string;
  /** `""` for objects without a namespace, such as nodes. */
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** The whole object, undecoded. Keeping it costs 30 times the memory of a few fields (16 KB a pod). */
  readonly json: Readonly<Record<string, unknown>>;
}

/** `<namespace>/<name>`; `/<name>` for objects without a namespace. */
export type ObjectKey = string;

/** How to decode objects, and the listener. */
export interface ReflectorOptions<T> {
  /**
   * Decodes an object and returns the few fields to keep. `undefined` drops the object, as if it didn't exist. Called
   * for each object as soon as it has arrived. If it throws, the object is invalid: an event names it, and its earlier
   * state is kept. `key` is the text that is kept anyway.
   */
  trim(object: ReceivedObject, key: ObjectKey): T | undefined;
  /** Whether two trimmed objects are the same, so that there is no event. Default: `isDeepStrictEqual` of node:util. */
  equals?(a: T, b: T): boolean;
  /** Called in the server's order, never within a call of ours. Must not throw. */
  onEvent(event: ReflectorEvent<T>): void;
}

/**
 * Events of a reflector: `read-started`, then `read-ended` with all differences at once, then `set` and `deleted` one by
 * one, until the next `read-started`. A read that fails changes nothing and ends with `failed` or `silent`; another one
 * begins.
 *
 * Evidence: the server named the object of `set` and `deleted`. An object in `lost` was merely missing from a complete
 * read, so that many of them at once are suspicious.
 */
export type ReflectorEvent<T> =
  | { readonly type: "read-started"; readonly why: ReadReason }
  | ReadEnded<T>
  /** `before`: undefined if it is new. */
  | { readonly type: "set"; readonly key: ObjectKey; readonly object: T; readonly before: T | undefined }
  | { readonly type: "deleted"; readonly key: ObjectKey; readonly before: T }
  /** `trim` threw for this object. Its earlier state is kept. */
  | { readonly type: "invalid"; readonly key: ObjectKey; readonly reason: string }
  /** A request failed. The next attempt follows after `retryMs`. All known objects are kept. */
  | { readonly type: "failed"; readonly error: KubernetesError; readonly retryMs: number }
  /** The stream gave nothing for `silentMs`, although servers send bookmarks. The watch is resumed at once. */
  | { readonly type: "silent"; readonly silentMs: number };

/**
 * `start`: the first one, and what follows a read that failed; `gone`: the server has forgotten our version; `silent`: a
 * watch gave nothing from its first moment, as when our version is from the future; `asked`: {@link Reflector.readAgain}.
 */
export type ReadReason = "start" | "gone" | "silent" | "asked";

/** A complete read compared with what was known before it. */
export interface ReadEnded<T> {
  readonly type: "read-ended";
  /** New and changed objects, with what was known of them before. */
  readonly set: ReadonlyMap<ObjectKey, { readonly object: T; readonly before: T | undefined }>;
  /** Known before, missing from the read, or unwanted by now. */
  readonly lost: ReadonlyMap<ObjectKey, T>;
  /** How long it took. */
  readonly tookMs: number;
}

/** A copy of a selection that follows the server. */
export interface Reflector<T> extends AsyncDisposable {
  readonly selection: ResourceSelection;
  /** Known objects: empty before the first complete read, kept through all later failures. */
  readonly objects: ReadonlyMap<ObjectKey, T>;
  readonly state: ReflectorState;
  /** Settles after the first complete read. @throws MeshError `registry-unavailable` when the signal aborts before. */
  synced(signal: AbortSignal): Promise<void>;
  /** Ends the watch and reads everything again. Nothing happens during a read. */
  readAgain(): void;
}

/** For status pages and metrics. */
export interface ReflectorState {
  /** `watching`: the server has opened a watch. `waiting`: for that, or for the next attempt after a failure. */
  readonly phase: "reading" | "watching" | "waiting" | "closed";
  /** True after the first complete read. */
  readonly isSynced: boolean;
  /** When the last complete read ended, by `Date.now()`. */
  readonly readAt: number | undefined;
  /** When the server last sent something, by `performance.now()`: whoever sets the clock makes no connection older. */
  readonly heardMs: number | undefined;
  /** Why the last attempt failed; undefined once the next one works. */
  readonly error: KubernetesError | undefined;
  /** Opaque. The version from which a watch would be resumed. */
  readonly resourceVersion: string | undefined;
  /** Complete reads so far. */
  readonly reads: number;
  /** Watch events so far, bookmarks not counted. */
  readonly events: number;
  /** Watch events that changed nothing after {@link ReflectorOptions.trim}. */
  readonly unchanged: number;
}
