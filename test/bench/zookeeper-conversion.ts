import { loadConfig } from "../../shared/config/mod.ts";
import type { Profile } from "../../shared/config/mod.ts";
import { convertInterface } from "../../shared/dubbo/conversion/convert-interface.ts";
import { parseDubboUrl } from "../../shared/dubbo/conversion/parse-dubbo-url.ts";
import type { InterfaceRecord } from "../../shared/dubbo/conversion/registry-records.ts";
import { zookeeperRules } from "../../shared/dubbo/conversion/dubbo-rules.ts";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import type { Measurement } from "./measurement.ts";
import { timed } from "./stopwatch.ts";

const consumersEach = 3;

/** A complete read of ZooKeeper, from names of nodes to manifests. */
export const zookeeperConversion: Measurement = {
  name: "zk-conversion",
  about: "CPU from ZooKeeper's names of nodes to manifests",
  async run({ quick, report, progress }) {
    const size: CatalogueSize = { services: quick ? 500 : 10_000, instances: 10 };
    const records = Array.from(
      { length: size.services },
      (_, index) => interfaceRecord(index, size.instances),
    );
    const row = (what: string, figure: number, unit: string) =>
      report({
        what: `zk-conversion: ${what}`,
        size: `${sizeText(size)} x ${consumersEach}`,
        figure,
        unit,
      });
    const names = records.flatMap(({ providers }) => [...providers]);
    row("provider's URL", names[0]?.length ?? 0, "characters");
    const urls = names.length + size.services * consumersEach;
    for (const profile of ["istio", "slime"] as const) {
      const rules = rulesOf(profile);
      for (const round of ["first", "warm"]) {
        progress(`${profile}, ${round} round`);
        const { cpuMs } = await timed(() => {
          for (const record of records) convertInterface(record, rules, () => {});
        });
        row(`${profile}, ${round}`, cpuMs, "CPU ms");
        row(`${profile}, ${round}, per URL`, cpuMs / urls * 1000, "CPU µs");
      }
    }
    const read = await timed(() => {
      for (const name of names) parseDubboUrl(name);
    });
    row("reading one URL alone", read.cpuMs / names.length * 1000, "CPU µs");
  },
};

function rulesOf(profile: Profile) {
  const zookeeperSource = { enabled: true, address: ["localhost:2181"] };
  const loaded = loadConfig(JSON.stringify({ profile, zookeeperSource }), {
    env: {},
    fileName: "of the benchmark",
  });
  return zookeeperRules(loaded.config.zookeeperSource, profile, loaded.environment);
}

/** What Dubbo 3.3 registers for an interface, with all its parameters. */
function interfaceRecord(index: number, instances: number): InterfaceRecord {
  const name = `com.acme.shop.orders.api.OrderService${index}`;
  const common =
    `background=false&dubbo=2.0.2&executor-management-mode=isolation&file-cache=true&interface=${name}` +
    "&methods=cancel,create,get,list,query,update";
  const providers = Array.from({ length: instances }, (_, member) =>
    nodeName(
      `dubbo://10.${index >> 8}.${index & 255}.${member + 1}:20880/${name}?anyhost=true` +
        `&application=order-app-${index % 500}&deprecated=false&dynamic=true&generic=false&${common}` +
        `&pid=${31_000 + member}&prefer.serialization=hessian2,fastjson2&release=3.3.6&revision=1.0.0` +
        `&service-name-mapping=true&side=provider&timestamp=${
          1_795_355_976_000 + member
        }&version=1.0.0&weight=100`,
    ));
  const consumers = Array.from({ length: consumersEach }, (_, member) =>
    nodeName(
      `consumer://10.200.${index & 255}.${member + 1}/${name}` +
        `?application=web-app-${
          (index * consumersEach + member) % 700
        }&category=consumers&check=false&${common}` +
        `&pid=${41_000 + member}&qos.enable=false&release=3.3.6&revision=1.0.0&side=consumer&sticky=false` +
        `&timestamp=${1_795_356_102_000 + member}&unloadClusterRelated=false&version=1.0.0`,
    ));
  return { name, providers, consumers, configurators: [], applicationProviders: [] };
}

/** In one piece, as it comes from a socket. */
function nodeName(url: string): string {
  return Buffer.from(encodeURIComponent(url)).toString("latin1");
}
