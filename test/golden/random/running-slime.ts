import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { SimulatedZooKeeper } from "../../../shared/simulators/zookeeper/server.ts";
import { freePort } from "../../servers/free-port.ts";
import { EmptyKubernetes } from "./empty-kubernetes.ts";
import { moduleFile } from "./random-case.ts";
import type { RandomCase } from "./random-case.ts";

/** How long slime may take until it serves. */
const startTimeoutMs = 20_000;

const cached = z.array(z.object({
  type: z.string(),
  name: z.string(),
  namespace: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
  Spec: z.record(z.string(), z.unknown()),
}));

/**
 * Runs slime on one case, with a registry and an empty Kubernetes on loopback; returns what it serves, sorted by kind,
 * namespace and name, without times. `program` reads its configuration from `cfg` in the folder where it runs (see the
 * README).
 * @throws Error if slime ends, or serves nothing in time.
 */
export async function runSlime(program: string, randomCase: RandomCase): Promise<unknown[]> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "slime-"));
  stack.defer(() => rm(folder, { recursive: true }));
  const kubernetes = await stack.use(new EmptyKubernetes()).listen();
  const registry = await startRegistry(randomCase, stack);
  const debugPort = await freePort();
  // Eureka is read for the first time when a period is over.
  const source = { ...randomCase.source, RefreshPeriod: "200ms" };
  const config = moduleFile({ ...randomCase, source }, registry, {
    HTTPServerAddr: `127.0.0.1:${debugPort}`,
    Mcp: { ServerUrl: `xds://127.0.0.1:${await freePort()}` },
    RegistryStartDelay: "0s",
  });
  const misc = {
    "aux-addr": `127.0.0.1:${await freePort()}`,
    "metrics-addr": `127.0.0.1:${await freePort()}`,
  };
  await writeFile(join(folder, "cfg"), JSON.stringify({ ...config, global: { misc } }));
  await writeFile(join(folder, "kubeconfig"), kubeconfig(kubernetes));
  const slime = spawn(program, [], {
    cwd: folder,
    env: { PATH: process.env["PATH"], KUBECONFIG: join(folder, "kubeconfig"), ...randomCase.environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  slime.stderr.setEncoding("utf8").on("data", (text: string) => log = (log + text).slice(-2_000));
  const ended = once(slime, "exit");
  stack.defer(async () => {
    slime.kill("SIGKILL");
    await ended;
  });
  return await served(
    `http://127.0.0.1:${debugPort}`,
    () => slime.exitCode !== null || slime.signalCode !== null,
  );
}

/** What is served as soon as that is the same twice: the port-merging entry may come after the first answer. */
async function served(url: string, mustRun: () => void): Promise<unknown[]> {
  const endMs = performance.now() + startTimeoutMs;
  let before = "";
  while (performance.now() < endMs) {
    mustRun();
    const response = await fetch(`${url}/xdsCache?layout=list`).catch(() => undefined);
    if (response?.ok === true) {
      const resources = resourcesOf(await response.json());
      const text = JSON.stringify(resources);
      if (text === before) return resources;
      before = text;
    }
    await delay(before === "" ? 50 : 400);
  }
  throw new Error(`slime served nothing within ${startTimeoutMs} ms`);
}

function resourcesOf(answer: unknown): unknown[] {
  return cached.parse(answer).map(({ type, name, namespace, labels, annotations, Spec: spec }) => {
    const { ResourceVersion: _version, ...others } = annotations;
    return {
      kind: type.slice(type.lastIndexOf("/") + 1),
      namespace,
      name,
      labels,
      annotations: others,
      spec,
    };
  }).sort((a, b) => identity(a) < identity(b) ? -1 : 1);
}

function identity({ kind, namespace, name }: { kind: string; namespace: string; name: string }): string {
  return [kind, namespace, name].join("\0");
}

/** Returns the registry's address, as slime's configuration has it. */
async function startRegistry({ registry, input }: RandomCase, stack: AsyncDisposableStack): Promise<string> {
  if (registry === "zookeeper") {
    const server = stack.use(new SimulatedZooKeeper());
    const nodes: readonly { readonly path: string }[] = JSON.parse(input);
    for (const { path } of nodes) server.tree.ensure(path);
    return await server.listen("127.0.0.1:0");
  }
  const server = createServer((_request, response) =>
    response.setHeader("content-type", "application/json").end(input)
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stack.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("The server has no port");
  return `http://127.0.0.1:${address.port}`;
}

function kubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "empty", cluster: { server } }],
    users: [{ name: "nobody", user: {} }],
    contexts: [{ name: "empty", context: { cluster: "empty", user: "nobody" } }],
    "current-context": "empty",
  });
}
