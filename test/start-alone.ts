import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { installTree, outputOf, run } from "./deploy/image-tree.ts";
import { freePort } from "./servers/free-port.ts";

/**
 * Starts each service from an installation of its own, as its image has it: `npm ci --omit=dev --workspace`. What a
 * workspace forgets to declare is there in a checkout and missing here. `npm run test:alone [SERVICE…]`; the last line
 * counts, as that of `npm test` does.
 */

const root = join(import.meta.dirname, "..");

/** How long a service may take from its start to its first answer, in milliseconds. */
const patienceMs = 60_000;

/** The registries and NATS are where no server listens: a service has to run without them. */
function writeConfiguration(app: string): string {
  const kubeConfig = join(app, "kubeconfig.json");
  const cluster = { name: "east", cluster: { server: "http://127.0.0.1:1" } };
  const context = { name: "east", context: { cluster: "east", user: "" } };
  writeFileSync(
    kubeConfig,
    JSON.stringify({ "current-context": "east", clusters: [cluster], contexts: [context], users: [] }),
  );
  const file = join(app, "meshregistry.json");
  const configuration = {
    eurekaSource: { address: ["http://127.0.0.1:1/eureka"] },
    zookeeperSource: { address: ["127.0.0.1:1"] },
    nacosSource: { address: ["http://127.0.0.1:1"] },
    k8sSource: { enabled: true, clusters: [{ id: "east", kubeConfig }] },
    nats: { servers: ["nats://127.0.0.1:1"] },
    mcp: { serverUrl: "xds://127.0.0.1:0" },
  };
  writeFileSync(file, JSON.stringify(configuration));
  return file;
}

/** Starts a service, waits for its first answer, and stops it. @throws Error with its output if it does neither. */
async function startAndStop(service: string, app: string): Promise<void> {
  const http = `127.0.0.1:${await freePort()}`;
  // The demo's registries listen on their usual ports, here at an address that no other process uses.
  const own = service === "demo-registries" ? ["--host", "127.9.8.7"] : ["--config", writeConfiguration(app)];
  const args = [join(app, "services", service, "start.mjs"), ...own, "--http", http];
  const child = spawn(process.execPath, args, { cwd: app, stdio: ["ignore", "pipe", "pipe"] });
  const output = outputOf(child);
  const ended = once(child, "exit");
  try {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const response = await fetch(`http://${http}/healthz`).catch(() => undefined);
      if (response?.status === 200) break;
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`it did not answer:\n${output()}`);
      }
      await delay(100);
    }
    child.kill("SIGTERM");
    const [code] = await ended;
    if (code !== 0) throw new Error(`exit code ${code} after SIGTERM:\n${output()}`);
  } finally {
    child.kill("SIGKILL");
  }
}

async function check(service: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-alone-"));
  try {
    const app = await installTree(service, folder);
    const start = join(app, "services", service, "start.mjs");
    if (service === "meshctl") await run(process.execPath, [start, "version"], app);
    else await startAndStop(service, app);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(wanted: readonly string[]): Promise<number> {
  const services = readdirSync(join(root, "services")).filter((name) =>
    existsSync(join(root, "services", name, "start.mjs"))
  );
  let failed = 0;
  const chosen = wanted.length === 0 ? services : wanted;
  for (const service of chosen) {
    try {
      await check(service);
      process.stdout.write(`${service} starts from its own packages\n`);
    } catch (error) {
      failed++;
      process.stdout.write(`${service} failed: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  process.stdout.write(`${chosen.length - failed} passed, ${failed} failed, 0 skipped\n`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
