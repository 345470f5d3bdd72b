import { resourceKinds } from "../../../shared/model/manifest.ts";
import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { CachedResource, Snapshot } from "../catalogue/cached-resource.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import { CatalogueView } from "../catalogue/catalogue-view.ts";
import { WireWriter } from "../output-stage/encode/wire-writer.ts";
import type { MessagePieces } from "../grpc/grpc-call.ts";
import type { SotwResponse } from "./sotw-stream.ts";

/** The state that all clients of one kind and view share: its version, and the bytes per type URL. */
interface SharedSnapshot {
  readonly snapshot: Snapshot;
  readonly nonce: string;
  /** By type URL: the encoded DiscoveryResponse. Built for the first client, handed to all others as it is. */
  readonly messages: Map<string, MessagePieces>;
}

/**
 * Turns {@link SotwResponse}s into encoded DiscoveryResponses. A full response is the row of the cache's joined
 * segments between a head and a tail, made once per change, kind, view and type URL: the twentieth client costs no
 * encoding and no copy. For that, the nonce belongs to the content and not to the client.
 */
export class ResponseBuilder {
  readonly #cache: ResourceCache;
  readonly #controlPlane: string;
  readonly #writer = new WireWriter(1024);
  readonly #shared = new Map<string, SharedSnapshot>();
  #builds = 0;

  /** `controlPlane` identifies this replica in every response. */
  constructor(cache: ResourceCache, controlPlane: string) {
    this.#cache = cache;
    this.#controlPlane = controlPlane;
  }

  /** Forgets what was shared of a kind; to be called after each change of it. */
  invalidate(kind: ResourceKind): void {
    for (const key of this.#shared.keys()) if (key.startsWith(`${kind}/`)) this.#shared.delete(key);
  }

  /** Forgets what was shared of views that have no client any more. */
  keepViews(used: Iterable<CatalogueView>): void {
    const keys = new Set<string>();
    for (const view of used) {
      for (const kind of resourceKinds) keys.add(`${kind}/${this.#cache.effective(kind, view).key}`);
    }
    for (const key of this.#shared.keys()) if (!keys.has(key)) this.#shared.delete(key);
  }

  /** The version of what a view shows of a kind. */
  version(kind: ResourceKind, view = CatalogueView.everything): string {
    return this.#sharedSnapshot(kind, view).snapshot.version;
  }

  /** The nonce that goes with the present content of a kind. */
  nonce(kind: ResourceKind | undefined, view = CatalogueView.everything): string {
    return kind === undefined ? `empty.${++this.#builds}` : this.#sharedSnapshot(kind, view).nonce;
  }

  /** The encoded DiscoveryResponse, and how many resources are in it. The bytes are shared: nobody may change them. */
  build(
    response: SotwResponse,
    view = CatalogueView.everything,
  ): { message: MessagePieces; resources: number } {
    const { kind } = response;
    if (kind === undefined) return { message: this.#frame([], response), resources: 0 };
    const { snapshot, messages } = this.#sharedSnapshot(kind, view);
    if (response.names.length > 0) {
      const chosen: CachedResource[] = [];
      for (const name of new Set(response.names)) {
        const resource = this.#cache.shown(kind, view, name);
        if (resource !== undefined) chosen.push(view.versionOf(resource));
      }
      return {
        message: this.#frame(chosen.map((resource) => resource.framed), response),
        resources: chosen.length,
      };
    }
    let message = messages.get(response.typeUrl);
    if (message === undefined) {
      message = this.#frame(snapshot.pieces(), response);
      messages.set(response.typeUrl, message);
    }
    return { message, resources: snapshot.count };
  }

  #sharedSnapshot(kind: ResourceKind, view: CatalogueView): SharedSnapshot {
    const key = `${kind}/${this.#cache.effective(kind, view).key}`;
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      const snapshot = this.#cache.snapshot(kind, view);
      shared = { snapshot, nonce: `${snapshot.version}.${++this.#builds}`, messages: new Map() };
      this.#shared.set(key, shared);
    }
    return shared;
  }

  /** DiscoveryResponse: version_info 1, resources 2, type_url 4, nonce 5, control_plane 6 { identifier 1 }. */
  #frame(resources: MessagePieces, response: SotwResponse): MessagePieces {
    const writer = this.#writer;
    writer.string(1, response.version);
    const head = writer.finish();
    const mark = writer.written;
    writer.string(1, this.#controlPlane);
    writer.message(6, mark);
    writer.string(5, response.nonce);
    writer.string(4, response.typeUrl);
    return [head, ...resources, writer.finish()];
  }
}
