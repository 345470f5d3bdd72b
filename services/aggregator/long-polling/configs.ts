import { stringify } from "yaml";
import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import type { CatalogueView } from "../catalogue/catalogue-view.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";
import type { MessagePieces } from "../grpc/grpc-call.ts";
import { SetHash } from "../catalogue/set-hash.ts";
import { versionMember } from "../catalogue/view-index.ts";
import { ResponseBuilder } from "../xds/response-builder.ts";
import { kindOfTypeUrl } from "../xds/type-urls.ts";
import type { Poll } from "./poll.ts";

/** The version of a type that we have nothing of. Not empty: that means «not known yet» to clients. */
const emptyVersion = "empty";

/** What a long-polling listener has to say, in both forms. */
export class Configs {
  readonly #cache: ResourceCache;
  readonly #view: CatalogueView;
  readonly #typeUrls: ReadonlySet<string>;
  readonly #responses: ResponseBuilder;
  /** By kind: what has been worked out since its last change, see {@link Configs.version}. */
  readonly #byNamespace = new Map<ResourceKind, ReadonlyMap<string, SetHash>>();

  /** Of types that are not among `typeUrls` there is nothing; empty: all types are told of. */
  constructor(cache: ResourceCache, view: CatalogueView, typeUrls: readonly string[], controlPlane: string) {
    this.#cache = cache;
    this.#view = view;
    this.#typeUrls = new Set(typeUrls);
    this.#responses = new ResponseBuilder(cache, controlPlane);
  }

  /** To be called after each change of a kind. */
  invalidate(kind: ResourceKind): void {
    this.#responses.invalidate(kind);
    this.#byNamespace.delete(kind);
  }

  /**
   * The version of what a poll asks for. For namespaces, one look at every resource serves all polls until the next
   * change.
   */
  version({ typeUrl, namespace }: Poll): string {
    const kind = this.#kindOf(typeUrl);
    if (kind === undefined) return emptyVersion;
    if (namespace === "") return this.#responses.version(kind, this.#view);
    return (this.#hashes(kind).get(namespace) ?? new SetHash()).digest();
  }

  /** The hash of what each namespace has. */
  #hashes(kind: ResourceKind): ReadonlyMap<string, SetHash> {
    const known = this.#byNamespace.get(kind);
    if (known !== undefined) return known;
    const hashes = new Map<string, SetHash>();
    for (const resource of this.#select(kind, "")) {
      const namespace = resource.name.slice(0, resource.name.indexOf("/"));
      let hash = hashes.get(namespace);
      if (hash === undefined) hashes.set(namespace, hash = new SetHash());
      hash.toggle(versionMember(resource));
    }
    this.#byNamespace.set(kind, hashes);
    return hashes;
  }

  /** The complete set as a DiscoveryResponse. The bytes are shared: nobody may change them. */
  protobuf({ typeUrl, namespace }: Poll, version: string): MessagePieces {
    const kind = this.#kindOf(typeUrl);
    const names = kind === undefined || namespace === ""
      ? []
      : Array.from(this.#select(kind, namespace), ({ name }) => name);
    // A list of no names would mean all of them.
    const isNone = namespace !== "" && names.length === 0;
    const response = { typeUrl, kind: isNone ? undefined : kind, version, names, nonce: "" };
    return this.#responses.build(response, this.#view).message;
  }

  /** The complete set as manifests, in texts that are made while they are iterated. */
  *yaml({ typeUrl, namespace }: Poll): Iterable<string> {
    const kind = this.#kindOf(typeUrl);
    const selected = kind === undefined ? [] : [...this.#select(kind, namespace)];
    if (kind === undefined || selected.length === 0) return yield stringify([]);
    for (const { framed } of selected) {
      const { spec, version, ...metadata } = decodeResource(kind, framed);
      const manifest = {
        apiVersion: typeUrl.slice(0, typeUrl.lastIndexOf("/")),
        kind,
        metadata: { ...metadata, resourceVersion: version },
        spec,
      };
      yield stringify([manifest], { lineWidth: 0 });
    }
  }

  #kindOf(typeUrl: string): ResourceKind | undefined {
    if (this.#typeUrls.size > 0 && !this.#typeUrls.has(typeUrl)) return undefined;
    return kindOfTypeUrl(typeUrl);
  }

  *#select(kind: ResourceKind, namespace: string): Iterable<CachedResource> {
    const prefix = namespace === "" ? "" : `${namespace}/`;
    for (const resource of this.#cache.snapshot(kind, this.#view).resources) {
      if (resource.name.startsWith(prefix)) yield resource;
    }
  }
}
