import type { CachedResource } from "../../catalogue/cached-resource.ts";
import type { Removal } from "../../catalogue/catalogue.ts";
import type { MessagePieces } from "../../grpc/grpc-call.ts";
import type { DeltaResponse } from "../../xds/delta-stream.ts";
import type { IncrementalResponse } from "../../xds/incremental-stream.ts";
import { writeDeltaResource, writeTombstone } from "./delta-resource.ts";
import type { ResourceForm } from "./delta-resource.ts";
import { WireWriter } from "./wire-writer.ts";

/** A list of resources, encoded. Kept as long as the list is: clients that are sent the same list share it. */
type EncodedParts = WeakMap<readonly CachedResource[], Uint8Array>;

/** Encodes the responses of the protocols that send changes. */
export class ResponseFrames {
  readonly #controlPlane: string;
  readonly #writer = new WireWriter();
  readonly #deltaParts: Readonly<Record<ResourceForm, EncodedParts>> = {
    wrapped: new WeakMap(),
    bare: new WeakMap(),
  };
  readonly #incrementalParts: EncodedParts = new WeakMap();

  /** `controlPlane` identifies this replica in every response. */
  constructor(controlPlane: string) {
    this.#controlPlane = controlPlane;
  }

  /**
   * A DeltaDiscoveryResponse: system_version_info 1, resources 2, type_url 4, nonce 5, removed_resources 6,
   * control_plane 7 { identifier 1 }.
   */
  delta(response: DeltaResponse, form: ResourceForm): MessagePieces {
    const { resources, removed, typeUrl, nonce, position } = response;
    const body = this.#encoded(this.#deltaParts[form], resources, (resource) => {
      writeDeltaResource(this.#writer, resource, form);
    });
    const writer = this.#writer;
    writer.string(1, position);
    const head = writer.finish();
    writer.string(1, this.#controlPlane);
    writer.message(7, 0);
    writer.strings(6, removed);
    writer.string(5, nonce);
    writer.string(4, typeUrl);
    return [head, body, writer.finish()];
  }

  /**
   * A DiscoveryResponse of the incremental dialect: version_info 1, resources 2, type_url 4, nonce 5, control_plane 6.
   * `revision` is the client's first one: deletions that have to do with revisions carry it, because the client looks
   * at nothing that is labelled with another one.
   */
  incremental(response: IncrementalResponse, revision: string | undefined): MessagePieces {
    const { parts, removals, typeUrl, nonce, position } = response;
    const bodies = parts.map((part) =>
      this.#encoded(this.#incrementalParts, part, ({ framed }) => this.#writer.raw(framed))
    );
    const writer = this.#writer;
    writer.string(1, position);
    const head = writer.finish();
    writer.string(1, this.#controlPlane);
    writer.message(6, 0);
    writer.string(5, nonce);
    writer.string(4, typeUrl);
    this.#writeTombstones(removals, revision);
    return [head, ...bodies, writer.finish()];
  }

  #writeTombstones(removals: readonly Removal[], revision: string | undefined): void {
    for (const { name, position, revisioned } of removals.toReversed()) {
      writeTombstone(this.#writer, name, position, revisioned ? revision : undefined);
    }
  }

  #encoded(
    known: EncodedParts,
    part: readonly CachedResource[],
    write: (resource: CachedResource) => void,
  ): Uint8Array {
    let bytes = known.get(part);
    if (bytes === undefined) {
      for (let index = part.length - 1; index >= 0; index--) {
        const resource = part[index];
        if (resource !== undefined) write(resource);
      }
      bytes = this.#writer.finish();
      known.set(part, bytes);
    }
    return bytes;
  }
}
