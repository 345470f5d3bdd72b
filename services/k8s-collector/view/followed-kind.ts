import type { ReflectorState, resources } from "../../../shared/kubernetes/kubernetes.ts";
import { unlessAborted } from "../../../shared/runtime/waiting.ts";

const titles = {
  services: "Service",
  endpointSlices: "EndpointSlice",
  pods: "Pod",
  nodes: "Node",
  namespaces: "Namespace",
  secrets: "Secret",
  serviceExportsV1alpha1: "ServiceExport",
  serviceExportsV1beta1: "ServiceExport",
} as const satisfies Record<keyof typeof resources, string>;

/** A kind of objects that is followed, in one namespace or in all. */
export class FollowedKind {
  readonly name: keyof typeof resources;
  readonly namespace: string | undefined;
  /** Without it a cluster can't be read. */
  readonly isRequired: boolean;
  /** Whether it can be that there is nothing of it any more. */
  readonly doubt: Disposable & { readonly isDoubting: boolean };
  readonly #state: () => ReflectorState;
  readonly #readAgain: () => void;
  #read = Promise.withResolvers<void>();

  constructor(
    name: keyof typeof resources,
    namespace: string | undefined,
    isRequired: boolean,
    state: () => ReflectorState,
    readAgain: () => void,
    doubt: Disposable & { readonly isDoubting: boolean },
  ) {
    this.name = name;
    this.namespace = namespace;
    this.isRequired = isRequired;
    this.#state = state;
    this.#readAgain = readAgain;
    this.doubt = doubt;
  }

  /** For messages. */
  get title(): string {
    return titles[this.name];
  }

  get state(): ReflectorState {
    return this.#state();
  }

  /** True if it has been read, or can be done without and is denied. */
  get isSettled(): boolean {
    const { isSynced, error } = this.state;
    return isSynced || (!this.isRequired && error?.reason === "forbidden");
  }

  /** A complete read has ended. */
  readEnded(): void {
    this.#read.resolve();
    this.#read = Promise.withResolvers<void>();
  }

  /** Settles after a complete read that began after this call. @throws MeshError when the signal aborts. */
  async refresh(signal: AbortSignal): Promise<void> {
    const next = () =>
      unlessAborted(this.#read.promise, signal, "registry-unavailable", `Reading ${this.title}s again`);
    // A read that is under way may have begun too early.
    if (this.state.phase === "reading") await next();
    this.#readAgain();
    await next();
  }
}
