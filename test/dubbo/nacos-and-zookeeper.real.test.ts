import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { run } from "../../services/meshctl/meshctl-rig.ts";
import { startDubboConsumer, startDubboProvider } from "../servers/dubbo.ts";
import { requireReal } from "../servers/find.ts";
import { freePort } from "../servers/free-port.ts";
import { startNacos } from "../servers/nacos.ts";
import type { NacosServer } from "../servers/nacos.ts";
import { startZooKeeper } from "../servers/zookeeper.ts";
import type { ZooKeeperServer } from "../servers/zookeeper.ts";

/*
 * Real applications register in a real ZooKeeper and in a real Nacos at once, as they do while a company moves. What
 * both registries then hold has to become the same entries.
 */

const patient = { timeout: 60_000, interval: 500 };
const { skip } = requireReal("zookeeper-3.9", "nacos-2", "dubbo-2.7", "dubbo-3.3");

const Resources = z.array(
  z.object({
    kind: z.string(),
    metadata: z.looseObject({
      name: z.string(),
      labels: z.looseObject({ path: z.string().optional() }).default({}),
    }),
    spec: z.looseObject({ hosts: z.array(z.string()).optional() }),
  }),
);

describe.skipIf(skip)("Dubbo's applications in a real ZooKeeper and a real Nacos", () => {
  const folder = mkdtempSync(join(tmpdir(), "nacos-and-zookeeper-"));
  let zookeeper: ZooKeeperServer;
  let nacos: NacosServer;
  beforeAll(async () => {
    [zookeeper, nacos] = await Promise.all([startZooKeeper(), startNacos({ line: "2" })]);
  });
  afterAll(async () => {
    await Promise.all([zookeeper[Symbol.asyncDispose](), nacos[Symbol.asyncDispose]()]);
    rmSync(folder, { recursive: true });
  });

  /** What a collector would publish, but for the registry's name. */
  async function resourcesOf(source: "zookeeper" | "nacos", address: string) {
    const config = join(folder, `${source}.yaml`);
    writeFileSync(config, "nacosSource: { dubbo: { enableDubboSidecar: true } }");
    const { out } = await run(
      "convert",
      "--source",
      source,
      "--address",
      address,
      "--config",
      config,
      "-o",
      "json",
    );
    if (out === "") return [];
    return Resources.parse(JSON.parse(out)).map((entry) => ({
      ...entry,
      metadata: { ...entry.metadata, labels: { ...entry.metadata.labels, registry: "any" } },
    }));
  }

  // The lines have no service in common: what one of them registered may still be there when the other begins.
  test.each(
    [
      {
        version: "2.7",
        provided: { interface: "shop.api.OrderService", group: "blue", serviceVersion: "1.0.0" },
        nested: [{ interface: "shop.api.OrderService$Audit" }],
        protocols: [{ name: "dubbo" }],
        mode: {},
      },
      {
        version: "3.3",
        provided: { interface: "shop.api.UserService", group: "blue", serviceVersion: "1.0.0" },
        nested: [],
        protocols: [{ name: "dubbo" }, { name: "tri" }],
        // What an application registers as a whole is asked for at its address, and nobody answers at this one.
        mode: { registerMode: "interface" },
      },
    ] as const,
  )(
    "Dubbo $version: the same entries and Sidecars from both",
    { timeout: 240_000 },
    async ({ version, provided, nested, protocols, mode }) => {
      const line = version.replace(".", "");
      const common = { zookeeper: zookeeper.address, nacos: nacos.address, version, ...mode };
      await using _provider = await startDubboProvider({
        ...common,
        application: `provider-${line}`,
        host: "10.9.1.1",
        protocols,
        services: [{ ...provided, weight: 200, tag: "gray", parameters: { zone: "a" } }, ...nested],
      });
      await using _consumer = await startDubboConsumer({
        ...common,
        application: `web-${line}`,
        host: "10.9.2.1",
        references: [provided],
      });
      const paths = [provided, ...nested].map((service) => service.interface.replace("$", "_"));
      const resources = async (source: "nacos" | "zookeeper") => {
        const all = await resourcesOf(source, (source === "nacos" ? nacos : zookeeper).address);
        return all.filter(({ metadata: { name, labels } }) =>
          paths.includes(labels.path ?? "") || name.startsWith(`provider-${line}.`) ||
          name.startsWith(`web-${line}.`)
        );
      };
      // The entries, and a Sidecar for each of the two applications.
      await expect.poll(() => resources("nacos"), patient).toHaveLength(paths.length + 2);
      const ofNacos = await resources("nacos");
      expect(ofNacos).toEqual(await resources("zookeeper"));
      const host = `shop.api.${version === "2.7" ? "order" : "user"}-service.blue.1-0-0.gv`;
      expect(ofNacos.find(({ spec }) => spec.hosts?.[0] === host)?.spec).toMatchObject({
        endpoints: [{
          address: "10.9.1.1",
          labels: { weight: "200", zone: "a", release: expect.stringContaining(version) },
        }],
      });
      expect(ofNacos.find(({ metadata }) => metadata.name.startsWith("web-"))?.spec).toMatchObject({
        egress: [{ hosts: [`*/${host}`] }],
      });
    },
  );

  test.each([["stock-app", "blue"], ["stock$app", "green"]])(
    "Dubbo 3.3, the application %s as a whole, with its metadata in the same registry",
    {
      timeout: 240_000,
    },
    async (application, group) => {
      const stockPort = await freePort();
      const provide = async (registry: { readonly nacos: string } | { readonly zookeeper: string }) =>
        await startDubboProvider({
          ...registry,
          version: "3.3",
          application,
          host: "10.9.1.1",
          registerMode: "instance",
          metadataType: "remote",
          protocols: [{ name: "dubbo", port: stockPort }],
          services: [{ interface: "shop.api.StockService", group }],
        });
      const stock = async (source: "nacos" | "zookeeper") => {
        const all = await resourcesOf(source, (source === "nacos" ? nacos : zookeeper).address);
        return all.filter(({ spec }) => spec.hosts?.[0] === `shop.api.stock-service.${group}.g`);
      };
      // One after the other, since they have one port.
      const found = [];
      for (const source of ["nacos", "zookeeper"] as const) {
        const address = (source === "nacos" ? nacos : zookeeper).address;
        await using _provider = await provide(
          source === "nacos" ? { nacos: address } : { zookeeper: address },
        );
        await expect.poll(() => stock(source), patient).toHaveLength(1);
        found.push(...await stock(source));
      }
      expect(found[0]).toEqual(found[1]);
    },
  );
});
