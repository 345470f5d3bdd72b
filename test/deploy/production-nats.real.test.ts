import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamManager } from "@nats-io/jetstream";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";
import { readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { runCommandLine } from "../../services/meshctl/commands.ts";
import { EurekaRegistry } from "../../shared/simulators/eureka/registry.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { startService } from "../end-to-end/services.ts";
import { XdsObserver } from "../end-to-end/xds-observer.ts";
import { requireReal, useServer } from "../servers/find.ts";
import { freePort } from "../servers/free-port.ts";
import { accepts, ServerProcess } from "../servers/server-process.ts";
import { readText } from "./read-manifests.ts";

const soon = { timeout: 120_000, interval: 100 };
const services = 30;

/** The last part of the pods' names. */
const pods = [0, 1, 2] as const;

/** Three servers with the production overlay's own files, of which addresses and folders alone are others. */
async function startCluster(stack: AsyncDisposableStack, accounts: string) {
  const ports: { client: number; cluster: number; monitor: number }[] = [];
  for (const _ of pods) {
    ports.push({ client: await freePort(), cluster: await freePort(), monitor: await freePort() });
  }
  const replaceAll = (text: string, changes: readonly (readonly [from: string, to: string])[]) =>
    changes.reduce((changed, [from, to]) => {
      expect(changed, "what the file has").toContain(from);
      return changed.replaceAll(from, to);
    }, text);
  const start = async (pod: typeof pods[number]) => {
    const own = ports[pod];
    if (own === undefined) throw new TypeError("no ports");
    const server = stack.use(new ServerProcess(`nats-${pod}`));
    const store = join(server.folder, "data");
    mkdirSync(store);
    const main = replaceAll(readText("deploy/nats/nats.conf"), [
      ["0.0.0.0:4222", `127.0.0.1:${own.client}`],
      ["0.0.0.0:8222", `127.0.0.1:${own.monitor}`],
      ["store_dir: /data", `store_dir: "${store}"`],
    ]);
    const cluster = replaceAll(readText("deploy/overlays/production/cluster.conf"), [
      ["0.0.0.0:6222", `127.0.0.1:${own.cluster}`],
      ...pods.map((other) =>
        [
          `meshregistry-nats-${other}.meshregistry-nats-headless:6222`,
          `127.0.0.1:${ports[other]?.cluster}`,
        ] as const
      ),
    ]);
    writeFileSync(join(server.folder, "nats.conf"), main);
    writeFileSync(join(server.folder, "cluster.conf"), cluster);
    copyFileSync(join(accounts, "accounts.conf"), join(server.folder, "accounts.conf"));
    await server.start({
      name: "nats-server",
      command: useServer("nats-server"),
      args: ["--config", join(server.folder, "nats.conf")],
      env: { POD_NAME: `meshregistry-nats-${pod}` },
      ready: () => accepts(own.client, "INFO "),
    });
    return server;
  };
  const servers = await Promise.all(pods.map(start));
  return { servers, ports, urls: ports.map(({ client }) => `nats://127.0.0.1:${client}`) };
}

async function makeKeys(stack: AsyncDisposableStack): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-accounts-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const io = { stdout: () => undefined, stderr: () => undefined, signal: new AbortController().signal };
  expect(await runCommandLine(["nats-accounts", "--out", folder, "--registries", "eureka"], io)).toBe(0);
  return folder;
}

/** The answer of a pod's probe. */
async function probe(port: number, path: string): Promise<number | undefined> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
  await response?.arrayBuffer();
  return response?.status;
}

async function replicasOf(manager: JetStreamManager): Promise<Readonly<Record<string, number>>> {
  const names = ["MESH_ENTRIES", "KV_MESH_ENTRIES_COLLECTORS", "KV_MESH_ENTRIES_ADDRESSES"];
  const found: Record<string, number> = {};
  for (const name of names) found[name] = (await manager.streams.info(name)).config.num_replicas;
  return found;
}

describe.skipIf(requireReal("nats-server").skip)(
  "NATS of the production overlay: three servers, an account for each",
  () => {
    test("collectors share the work over it, and a server that is killed costs nothing but a moment", async () => {
      const stack = new AsyncDisposableStack();
      onTestFinished(async () => await stack.disposeAsync());
      const accounts = await makeKeys(stack);
      const { servers, ports, urls } = await startCluster(stack, accounts);
      const registry = new EurekaRegistry();
      const eureka = stack.use(new EurekaServer(registry));
      const register = (service: number, instance = 1) =>
        registry.register(`SERVICE-${service}`, {
          instanceId: `10.0.${instance}.${service}:8080`,
          hostName: `10.0.${instance}.${service}`,
          ipAddr: `10.0.${instance}.${service}`,
          port: { $: 8080, "@enabled": "true" },
          status: "UP",
        });
      for (let service = 0; service < services; service++) register(service);
      const address = [await eureka.listen("127.0.0.1:0")];
      const configOf = (user: string) => ({
        eurekaSource: { address, deltaPeriod: "100ms", nsHost: false, k8sDomainSuffix: false },
        nats: { servers: urls, replicas: pods.length, nkeySeedFile: join(accounts, `${user}.seed`) },
      });
      const aggregator = stack.use(await startService("aggregator", configOf("aggregator")));
      const collectors = [
        stack.use(await startService("eureka-collector", configOf("eureka"))),
        stack.use(await startService("eureka-collector", configOf("eureka"))),
      ];
      const observer = stack.use(new XdsObserver(aggregator.xdsAddress));
      for (const collector of collectors) await expect.poll(() => collector.isReady(), soon).toBe(true);
      await expect.poll(() => observer.view.size, soon).toBe(services);
      for (const { monitor } of ports) {
        for (const path of ["/healthz?js-server-only=true", "/healthz?js-enabled-only=true"]) {
          await expect.poll(() => probe(monitor, path), soon).toBe(200);
        }
      }
      const connection = await connect({
        servers: urls,
        authenticator: nkeyAuthenticator(readFileSync(join(accounts, "aggregator.seed"))),
      });
      stack.defer(async () => await connection.close());
      const manager = await jetstreamManager(connection, { checkAPI: false });
      const every = pods.length;
      await expect.poll(() => replicasOf(manager), soon).toEqual({
        MESH_ENTRIES: every,
        KV_MESH_ENTRIES_COLLECTORS: every,
        KV_MESH_ENTRIES_ADDRESSES: every,
      });

      // The server that leads the stream goes; another one takes over.
      const leader = await vi.waitFor(async () => {
        const { cluster } = await manager.streams.info("MESH_ENTRIES");
        const found = servers[Number(cluster?.leader?.at(-1))];
        if (found === undefined) throw new Error(`leader ${cluster?.leader}`);
        return found;
      }, soon);
      await leader.kill();
      for (let service = 0; service < services; service++) register(service, 2);
      register(services);
      const endpoints = () => [...observer.view.values()].reduce((sum, ends) => sum + ends.length, 0);
      await expect.poll(endpoints, soon).toBe(2 * services + 1);
      await leader.restart();
      register(services, 2);
      await expect.poll(endpoints, soon).toBe(2 * services + 2);
      expect([...observer.lostHosts, ...observer.emptiedHosts]).toEqual([]);
      for (const collector of collectors) await expect.poll(() => collector.isReady(), soon).toBe(true);
    });
  },
);
