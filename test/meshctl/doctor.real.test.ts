import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiscardPolicy, jetstreamManager } from "@nats-io/jetstream";
import { connect, nkeys } from "@nats-io/transport-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { run } from "../../services/meshctl/meshctl-rig.ts";
import { EurekaRegistry } from "../../shared/simulators/eureka/registry.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { startService } from "../end-to-end/services.ts";
import type { Service, TestConfig } from "../end-to-end/services.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";

const soon = { timeout: 60_000, interval: 250 };

function folderOf(): string {
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-doctor-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder on a volume of its own; undefined where this user may not mount one. */
function smallVolume(size: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-volume-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    rmdirSync(folder);
    return undefined;
  }
  onTestFinished(() => {
    execFileSync("umount", ["--lazy", folder]);
    rmdirSync(folder);
  });
  return folder;
}

/** A registry with many services, to which more can be added. */
async function startRegistry(services: number) {
  const registry = new EurekaRegistry();
  const register = (from: number, to: number) => {
    for (let service = from; service < to; service++) {
      const address = `10.1.${service >> 8}.${service & 255}`;
      registry.register(`SERVICE-${service}`, {
        instanceId: `${address}:8080`,
        hostName: address,
        ipAddr: address,
        port: { $: 8080, "@enabled": "true" },
        status: "UP",
        metadata: { padding: "x".repeat(2000) },
      });
    }
  };
  register(0, services);
  const server = new EurekaServer(registry);
  onTestFinished(async () => await server[Symbol.asyncDispose]());
  const address = [await server.listen("127.0.0.1:0")];
  return { register, eurekaSource: { enabled: true, address, deltaPeriod: "200ms", refreshPeriod: "1s" } };
}

async function start(name: "aggregator" | "eureka-collector", config: TestConfig): Promise<Service> {
  const service = await startService(name, config);
  onTestFinished(async () => await service[Symbol.asyncDispose]());
  return service;
}

async function startServer(options: Parameters<typeof startNats>[0] = {}) {
  const server = await startNats(options);
  onTestFinished(async () => await server[Symbol.asyncDispose]());
  return server;
}

/** The lines of `meshctl doctor` about problems. */
async function problems(aggregator: Service): Promise<string> {
  const { out, err } = await run("doctor", "--api", aggregator.httpUrl);
  return out.split("\n").filter((line) => line.startsWith("problem")).join("\n") + err;
}

const source = { eurekaSource: { enabled: true, address: ["http://127.0.0.1:9/eureka"] } };

/** Bad input that an operator may give, each found by `meshctl doctor` at the aggregator. */
describe.skipIf(requireReal("nats-server").skip)("meshctl doctor finds", () => {
  test("a NATS without JetStream", async () => {
    const nats = await startServer({ jetStream: false });
    const aggregator = await start("aggregator", { nats: { servers: [nats.url] }, ...source });
    await expect.poll(() => problems(aggregator), soon).toMatch(
      /the entry log can't be reached: .*this server offers no JetStream.*add a jetstream block/,
    );
  });

  test("a wrong nkey, and a seed that isn't there", async () => {
    const nkeySeedFile = join(folderOf(), "seed");
    const config =
      `accounts { MESH { jetstream: enabled, users: [ { nkey: ${nkeys.createUser().getPublicKey()} } ] } }`;
    const nats = await startServer({ config });
    const aggregator = await start("aggregator", { nats: { servers: [nats.url], nkeySeedFile }, ...source });
    await expect.poll(() => problems(aggregator), soon).toMatch(/the entry log can't be reached: .*seed/);
    writeFileSync(nkeySeedFile, nkeys.createUser().getSeed());
    await expect.poll(() => problems(aggregator), soon).toMatch(
      /the entry log can't be reached: .*refuses nkey seed file/,
    );
  });

  test("a stream that is missing and may not be made", async () => {
    const permissions = `{ publish: { deny: [ "$JS.API.STREAM.CREATE.>" ] } }`;
    const config =
      `accounts { MESH { jetstream: enabled, users: [ { user: a, password: b, permissions: ${permissions} } ] } }`;
    const nats = await startServer({ config });
    const aggregator = await start("aggregator", {
      nats: { servers: [nats.url], user: "a", password: "b" },
      ...source,
    });
    await expect.poll(() => problems(aggregator), soon).toMatch(
      /the entry log can't be reached: .*stream MESH_ENTRIES: .*(?:create|STREAM\.CREATE)/i,
    );
  });

  test("a stream that is full", async () => {
    const nats = await startServer();
    const { register, eurekaSource } = await startRegistry(10);
    const config = { nats: { servers: [nats.url] }, eurekaSource };
    const aggregator = await start("aggregator", config);
    await start("eureka-collector", config);
    await expect.poll(() => problems(aggregator), soon).toBe("");
    const connection = await connect({ servers: nats.url });
    onTestFinished(() => connection.close());
    const { streams } = await jetstreamManager(connection);
    const { config: before } = await streams.info("MESH_ENTRIES");
    await streams.update("MESH_ENTRIES", { ...before, max_msgs: 12, discard: DiscardPolicy.New });
    register(10, 20);
    await expect.poll(() => problems(aggregator), soon).toMatch(
      /eureka: nothing that \S+ publishes is stored: no room for new messages: maximum messages exceeded.*more room/,
    );
    await streams.update("MESH_ENTRIES", before);
    await expect.poll(() => problems(aggregator), soon).toBe("");
  });

  test("a NATS whose limit of storage is reached, where collectors can't give a sign of life either", async () => {
    const folder = folderOf();
    const nats = await startServer({
      jetStream: false,
      config: `jetstream { store_dir: "${folder}", max_file_store: 100KB }`,
    });
    const { eurekaSource } = await startRegistry(300);
    const config = { nats: { servers: [nats.url] }, eurekaSource };
    const aggregator = await start("aggregator", config);
    await start("eureka-collector", config);
    await expect.poll(() => problems(aggregator), soon).toMatch(
      /nothing can be stored: no room for new messages: insufficient resources.*more room/,
    );
  });

  test("a NATS whose volume is full", async ({ skip }) => {
    const folder = smallVolume("1m");
    if (folder === undefined) return skip("this user may not mount a volume");
    const nats = await startServer({
      jetStream: false,
      config: `jetstream { store_dir: "${folder}", max_file_store: 1GB }`,
    });
    const { eurekaSource } = await startRegistry(2000);
    const config = { nats: { servers: [nats.url] }, eurekaSource };
    const aggregator = await start("aggregator", config);
    await start("eureka-collector", config);
    await expect.poll(() => problems(aggregator), soon).toMatch(
      /nothing (?:can be stored|that \S+ publishes is stored): NATS has acknowledged no message.*its volume may be full/,
    );
  });
});
