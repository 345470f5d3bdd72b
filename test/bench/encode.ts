import { ResourceCache } from "../../services/aggregator/catalogue/cache.ts";
import { encodeResource } from "../../services/aggregator/output-stage/encode/encode-resource.ts";
import { presentResource } from "../../services/aggregator/output-stage/present.ts";
import { ResponseBuilder } from "../../services/aggregator/xds/response-builder.ts";
import { decodeSubject } from "../../shared/model/subject.ts";
import { manifests, sizeText, toRecord } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import type { Measurement } from "./measurement.ts";
import { median, timed } from "./stopwatch.ts";

const rounds = 5;

/** From a message of the log to encoded resources, and from those to a complete response. */
export const encode: Measurement = {
  name: "encode",
  about: "resources/s, and joining a state-of-the-world response",
  async run({ quick, report, progress }) {
    const size: CatalogueSize = { services: quick ? 500 : 10_000, instances: 10 };
    const row = (what: string, figure: number, unit: string) =>
      report({ what: `encode: ${what}`, size: sizeText(size), figure, unit });
    const catalogue = manifests(size);
    const messages = catalogue.map(toRecord);
    const cache = new ResourceCache();
    for (const round of ["first", "warm"]) {
      progress(`${round} round`);
      const encoded = await timed(() => catalogue.forEach((manifest) => encodeResource(manifest, "0.1")));
      row(`a manifest, ${round}`, size.services / encoded.ms * 1000, "resources/s");
      const presented = await timed(() => {
        for (const { subject, data } of messages) {
          const id = decodeSubject(subject);
          if (id === undefined || data === null) continue;
          const { resource } = presentResource(subject, id, "0.1", data, "istio");
          if (resource !== undefined) cache.put("ServiceEntry", resource);
        }
      });
      row(
        `a message (parse, check, order, encode), ${round}`,
        size.services / presented.ms * 1000,
        "resources/s",
      );
      row(`a message (parse, check, order, encode), ${round}`, presented.cpuMs, "CPU ms for all");
    }
    progress("joining");
    const builder = new ResponseBuilder(cache, "bench");
    const joins: number[] = [];
    let bytes = 0;
    for (let round = 0; round < rounds; round++) {
      builder.invalidate("ServiceEntry");
      const { ms } = await timed(() => (bytes = join(builder)));
      joins.push(ms);
    }
    row("join of a complete response, first", joins[0] ?? Number.NaN, "ms");
    row("join of a complete response, median", median(joins), "ms");
    row("complete response", bytes / 2 ** 20, "MiB");
    const shared = await timed(() => join(builder));
    row("the same response for another client", shared.ms, "ms");
  },
};

function join(builder: ResponseBuilder): number {
  const response = {
    typeUrl: "networking.istio.io/v1/ServiceEntry",
    kind: "ServiceEntry",
    version: builder.version("ServiceEntry", undefined),
    names: [],
    nonce: builder.nonce("ServiceEntry", undefined),
  } as const;
  return builder.build(response, undefined).message.reduce((sum, piece) => sum + piece.length, 0);
}
