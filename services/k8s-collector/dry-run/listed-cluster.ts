import type {
  KubernetesCluster,
  ReceivedObject,
  Reflector,
  ReflectorOptions,
  ResourceSelection,
} from "../../../shared/kubernetes/kubernetes.ts";
import { KubernetesError } from "../../../shared/kubernetes/kubernetes-error.ts";
import { unlessAborted } from "../../../shared/runtime/waiting.ts";

/** An object of a list, with the kind by which reflectors ask for it: `services` of `v1`, `endpointslices` of `discovery.k8s.io/v1`. */
export interface ListedObject {
  readonly plural: string;
  readonly apiVersion: string;
  readonly object: ReceivedObject;
}

/**
 * A cluster that is a list of objects, as kubectl prints one. Each kind is read once, and then nothing happens. Kinds of
 * which the list has no object, and that aren't `complete`, are denied: that is how a collector goes on without them.
 */
export class ListedCluster implements KubernetesCluster {
  readonly name: string;
  readonly server = "file";
  readonly requests = { list: 0, watchList: 0, watch: 0 };
  readonly #objects: readonly ListedObject[];

  constructor(name: string, objects: readonly ListedObject[]) {
    this.name = name;
    this.#objects = objects;
  }

  reflect<T>(selection: ResourceSelection, options: ReflectorOptions<T>): Reflector<T> {
    const { resource: { group, version, plural }, namespace } = selection;
    const apiVersion = group === "" ? version : `${group}/${version}`;
    const listed = this.#objects.filter((each) => each.plural === plural && each.apiVersion === apiVersion);
    const excluded = new Set(
      [...selection.fieldSelector?.matchAll(/metadata\.namespace!=([^,]+)/g) ?? []].map(([, name]) => name),
    );
    const chosen = listed.map(({ object }) => object).filter((object) =>
      (namespace === undefined || object.namespace === namespace) && !excluded.has(object.namespace)
    );
    const isKnown = listed.length > 0 || plural === "services" || plural === "endpointslices";
    const missing = new KubernetesError(
      plural === "serviceexports" ? "not-found" : "forbidden",
      `the list has no ${plural}`,
    );
    const objects = new Map<string, T>();
    const done = Promise.withResolvers<void>();
    let isSynced = false;
    const error = isKnown ? undefined : missing;
    setImmediate(() => {
      if (error !== undefined) return options.onEvent({ type: "failed", error, retryMs: 0 });
      for (const object of chosen) {
        const key = `${object.namespace}/${object.name}`;
        try {
          const trimmed = options.trim(object, key);
          if (trimmed !== undefined) objects.set(key, trimmed);
        } catch (fault) {
          options.onEvent({
            type: "invalid",
            key,
            reason: fault instanceof Error ? fault.message : String(fault),
          });
        }
      }
      isSynced = true;
      const set = new Map([...objects].map(([key, object]) => [key, { object, before: undefined }]));
      options.onEvent({ type: "read-ended", set, lost: new Map(), tookMs: 0 });
      done.resolve();
    });
    return {
      selection,
      objects,
      get state() {
        return {
          phase: "watching" as const,
          isSynced,
          readAt: undefined,
          heardMs: undefined,
          error,
          resourceVersion: undefined,
          reads: isSynced ? 1 : 0,
          events: 0,
          unchanged: 0,
        };
      },
      synced: (signal) => unlessAborted(done.promise, signal, "registry-unavailable", "Reading the list"),
      readAgain: () => {},
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
