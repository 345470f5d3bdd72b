import { stringify } from "yaml";
import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { CachedResource, ResourceCache } from "../cache.ts";
import type { CatalogueView } from "../catalogue-view.ts";
import { decodeResource } from "../encode/decode-resource.ts";
import type { MessagePieces } from "../grpc/grpc-call.ts";
import { SetHash } from "../set-hash.ts";
import { versionMember } from "../view-index.ts";
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
  }

  /** The version of what a poll asks for. For one namespace, it costs a look at every name. */
  version({ typeUrl, namespace }: Poll): string {
    const kind = this.#kindOf(typeUrl);
    if (kind === undefined) return emptyVersion;
    if (namespace === "") return this.#responses.version(kind, this.#view);
    const hash = new SetHash();
    for (const resource of this.#select(kind, namespace)) hash.toggle(versionMember(resource));
    return hash.digest();
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

  /** The complete set as manifests. */
  yaml({ typeUrl, namespace }: Poll): string {
    const kind = this.#kindOf(typeUrl);
    if (kind === undefined) return stringify([]);
    const manifests = Array.from(this.#select(kind, namespace), ({ framed }) => {
      const { spec, version, ...metadata } = decodeResource(kind, framed);
      return {
        apiVersion: typeUrl.slice(0, typeUrl.lastIndexOf("/")),
        kind,
        metadata: { ...metadata, resourceVersion: version },
        spec,
      };
    });
    return stringify(manifests, { lineWidth: 0 });
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
