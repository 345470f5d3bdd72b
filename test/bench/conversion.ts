import { ApplicationSplitter } from "../../services/eureka-collector/client/application-splitter.ts";
import {
  convertService,
  eurekaRules,
  serviceKey,
} from "../../services/eureka-collector/conversion/convert.ts";
import { decodeApplication } from "../../services/eureka-collector/client/decode.ts";
import type { EurekaApplication } from "../../services/eureka-collector/client/decode.ts";
import { application, benchConfig, sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import type { Measurement } from "./measurement.ts";
import { timed } from "./stopwatch.ts";
import type { Taken } from "./stopwatch.ts";

/** What a socket hands over at once. */
const chunkBytes = 64 * 1024;

/** A complete read of Eureka, from the bytes of its answer to manifests. */
export const conversion: Measurement = {
  name: "conversion",
  about: "services/s from Eureka's JSON to manifests",
  async run({ quick, report, progress }) {
    const size: CatalogueSize = { services: quick ? 500 : 10_000, instances: 10 };
    const answer = eurekaAnswer(size);
    const { config, environment } = benchConfig();
    const rules = eurekaRules(config.eurekaSource, config.profile, environment);
    const row = (what: string, figure: number, unit: string) =>
      report({ what: `conversion: ${what}`, size: sizeText(size), figure, unit });
    const rate = ({ ms }: Taken) => size.services / ms * 1000;
    row("answer", answer.length / 2 ** 20, "MiB");
    for (const round of ["first", "warm"]) {
      progress(`${round} round`);
      let applications: EurekaApplication[] = [];
      const decoded = await timed(() => (applications = decode(answer)));
      const converted = await timed(() => {
        for (const { name, instances } of applications) {
          convertService(serviceKey(name), [{ name, registryId: "", instances }], rules, () => {});
        }
      });
      row(`split and decode, ${round}`, rate(decoded), "services/s");
      row(`to manifests, ${round}`, rate(converted), "services/s");
      row(`both, ${round}`, size.services / (decoded.ms + converted.ms) * 1000, "services/s");
      row(`both, ${round}`, decoded.cpuMs + converted.cpuMs, "CPU ms");
    }
  },
};

/** Eureka's answer, byte by byte as a server would send it. */
function eurekaAnswer({ services, instances }: CatalogueSize): Buffer {
  const parts = Array.from({ length: services }, (_, index) => JSON.stringify(application(index, instances)));
  const frame = `{"applications":{"versions__delta":"1","apps__hashcode":"UP_${services * instances}_",`;
  return Buffer.from(`${frame}"application":[${parts.join(",")}]}}`);
}

function decode(answer: Buffer): EurekaApplication[] {
  const applications: EurekaApplication[] = [];
  const splitter = new ApplicationSplitter((value) => {
    const decoded = decodeApplication(value, () => {});
    if (decoded !== undefined) applications.push(decoded);
  }, Number.POSITIVE_INFINITY);
  for (let at = 0; at < answer.length; at += chunkBytes) splitter.write(answer.subarray(at, at + chunkBytes));
  splitter.end();
  return applications;
}
