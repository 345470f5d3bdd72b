import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { runCommandLine } from "../../services/meshctl/commands.ts";
import { errorText } from "../../shared/runtime/errors.ts";
import { findServer, getServersCommand } from "../servers/find.ts";
import { installTree, run, treeDigest } from "./image-tree.ts";
import { canIsolate, Pod, probeUrl, Workload } from "./pod.ts";
import type { Files, Image } from "./pod.ts";
import { manifestsOf, renderKustomization } from "./rendered.ts";

/**
 * Runs what is deployed, without a cluster: each service from the tree that its image has, as user 1000 in a read-only root,
 * with arguments, environment, configuration and keys of the rendered manifests, beside a real NATS with the manifests' own
 * nats.conf. `npm run test:images`; needs Linux, root (for namespaces of network and mounts) and the real servers.
 */

const root = join(import.meta.dirname, "..", "..");
/** Set in the process that has a network of its own: where the trees are. */
const treesVariable = "MESHREGISTRY_IMAGE_TREES";
const patienceMs = 180_000;

/** Overlays, each with what of the demo's registries has to be served. */
const overlays = {
  // With an account for each registry, as in production.
  "dev-deno": { sources: ["eureka", "nacos", "zookeeper"], accounts: true },
  "dev-kubernetes": { sources: ["kubernetes"], accounts: false },
  "dev-all-in-one": { sources: ["eureka", "nacos", "zookeeper"], accounts: false },
} as const;

const services = [
  "aggregator",
  "eureka-collector",
  "nacos-collector",
  "zk-collector",
  "k8s-collector",
  "all-in-one",
  "demo-registries",
  "meshctl",
];

async function installAll(folder: string): Promise<void> {
  for (const service of services) {
    const tree = await installTree(service, join(folder, service));
    process.stdout.write(`${service}: tree ${treeDigest(tree).slice(0, 12)}\n`);
  }
  const again = await installTree("meshctl", join(folder, "again"));
  if (treeDigest(again) !== treeDigest(join(folder, "meshctl", "app"))) {
    throw new Error("the tree of meshctl differs when it is made again");
  }
}

/** A copy of an overlay without what only skaffold needs, and with keys for NATS where they are wanted. */
async function prepare(name: keyof typeof overlays, folder: string): Promise<string> {
  const manifests = join(folder, "deploy");
  cpSync(join(root, "deploy"), manifests, { recursive: true });
  const overlay = join(manifests, "overlays", name);
  const file = join(overlay, "kustomization.yaml");
  let text = readFileSync(file, "utf8").replace("  - ../../components/sync-sources\n", "");
  if (overlays[name].accounts) {
    const io = { stdout: () => undefined, stderr: () => undefined, signal: new AbortController().signal };
    await runCommandLine(["nats-accounts", "--out", join(overlay, "nats-accounts")], io);
    // Last of the components, since it changes what the others bring.
    text = text.replace("configMapGenerator:", "  - nats-accounts\nconfigMapGenerator:");
    const config = join(overlay, "meshregistry.yaml");
    writeFileSync(config, `${readFileSync(config, "utf8")}  nkeySeedFile: /etc/meshregistry-nats/seed\n`);
  }
  writeFileSync(file, text);
  return overlay;
}

const Content = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });

/** Content of all ConfigMaps and Secrets. */
function filesOf(manifests: ReturnType<typeof manifestsOf>): Files {
  return new Map(
    manifests.filter(({ kind }) => kind === "ConfigMap" || kind === "Secret").map((object) => {
      const { data } = Content.parse(object);
      const decoded = Object.entries(data).map(([key, value]) =>
        [key, object.kind === "Secret" ? Buffer.from(value, "base64").toString() : value] as const
      );
      return [object.metadata.name, Object.fromEntries(decoded)] as const;
    }),
  );
}

function imageOf(name: string, trees: string): Image {
  const service = /^meshregistry\/([\w-]+)/.exec(name)?.[1];
  if (service === undefined) {
    const executable = findServer("nats-server");
    if (executable === undefined) throw new Error(`nats-server isn't built; run: ${getServersCommand}`);
    return { executable, command: ["nats-server"], workingFolder: "/", env: {} };
  }
  return {
    executable: process.execPath,
    command: ["node", "start.mjs"],
    tree: join(trees, service, "app"),
    workingFolder: `/app/services/${service}`,
    env: { NODE_ENV: "production" },
  };
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url).catch(() => undefined);
  await response?.arrayBuffer();
  return response?.status === 200;
}

/** Runs one overlay's pods; @throws Error that says which pod did what, with its output. */
async function runOverlay(name: keyof typeof overlays, trees: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-images-"));
  const pods: Pod[] = [];
  try {
    const manifests = manifestsOf(await renderKustomization(await prepare(name, folder)));
    const names = manifests.filter(({ kind }) => kind === "Service").map(({ metadata }) => metadata.name);
    const hosts = ["localhost", ...names.flatMap((one) => [one, `${one}.istio-system`])]
      .map((host) => `127.0.0.1 ${host}\n`).join("");
    const workloads = manifests.filter(({ kind }) => kind === "Deployment" || kind === "StatefulSet")
      .map((manifest) => Workload.parse(manifest));
    const files = filesOf(manifests);
    const scratch = join(folder, "pods");
    mkdirSync(scratch);
    for (const workload of workloads) {
      const [{ image }] = workload.spec.template.spec.containers;
      pods.push(Pod.start(workload, imageOf(image, trees), files, scratch, hosts));
    }
    for (const workload of workloads) await becomesReady(workload, pods);
    const served = await watchOnce(trees, folder, hosts);
    for (const source of overlays[name].sources) {
      if (!served.includes(source)) throw new Error(`nothing of ${source} is served:\n${served}`);
    }
    // All at once, as Kubernetes does when all of this is deleted.
    await Promise.all(pods.map((pod) => pod.stop()));
  } catch (error) {
    const outputs = pods.map((pod) => `--- ${pod.name}\n${pod.output().slice(-4000)}`).join("\n");
    throw new Error(`${errorText(error)}\n${outputs}`, { cause: error });
  } finally {
    for (const pod of pods) pod.kill();
    await Promise.all(pods.map((pod) => pod.stop().catch(() => undefined)));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function becomesReady(workload: Workload, pods: readonly Pod[]): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (const kind of ["livenessProbe", "readinessProbe"] as const) {
    const url = probeUrl(workload, kind, "127.0.0.1");
    while (!await answers(url)) {
      const over = pods.find((pod) => pod.isOver);
      if (over !== undefined) throw new Error(`${over.name} ended`);
      if (Date.now() > deadline) throw new Error(`${workload.metadata.name}: ${url} doesn't answer 200`);
      await delay(100);
    }
  }
}

/** What `skaffold verify` runs, from its image's tree; returns what it prints. */
async function watchOnce(trees: string, folder: string, hosts: string): Promise<string> {
  const container = {
    name: "meshctl",
    image: "meshregistry/meshctl",
    args: [
      "watch",
      "--once",
      "--timeout",
      "120s",
      "-o",
      "yaml",
      "--address",
      "meshregistry.istio-system:16010",
    ],
    ports: [],
    readinessProbe: { httpGet: { path: "", port: "" } },
    livenessProbe: { httpGet: { path: "", port: "" } },
  };
  const workload = Workload.parse({
    kind: "Deployment",
    metadata: { name: "meshctl", namespace: "istio-system" },
    spec: { template: { spec: { containers: [container] } } },
  });
  const pod = Pod.start(workload, imageOf(container.image, trees), new Map(), folder, hosts);
  await pod.end();
  return pod.output();
}

async function inside(trees: string): Promise<number> {
  await run("ip", ["link", "set", "lo", "up"], "/");
  let failed = 0;
  const names = Object.keys(overlays).filter((name): name is keyof typeof overlays =>
    Object.hasOwn(overlays, name)
  );
  for (const name of names) {
    try {
      await runOverlay(name, trees);
      process.stdout.write(`${name}: every pod is ready, serves, and ends\n`);
    } catch (error) {
      failed++;
      process.stdout.write(`${name} failed: ${errorText(error)}\n`);
    }
  }
  process.stdout.write(`${names.length - failed} passed, ${failed} failed, 0 skipped\n`);
  return failed === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const trees = process.env[treesVariable];
  if (trees !== undefined) return await inside(trees);
  const missing = (["nats-server", "kube-apiserver"] as const).filter((name) =>
    findServer(name) === undefined
  );
  if (missing.length > 0 || !canIsolate()) {
    const why = missing.length > 0
      ? `${missing.join(", ")} not built here; run: ${getServersCommand}`
      : "namespaces of network and mounts need root on Linux";
    process.stdout.write(`skipped: ${why}\n0 passed, 0 failed, ${Object.keys(overlays).length} skipped\n`);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-trees-"));
  try {
    await installAll(folder);
    // A network in which every pod has its usual ports.
    const child = spawn("unshare", ["--net", process.execPath, ...process.argv.slice(1)], {
      env: { ...process.env, [treesVariable]: folder },
      stdio: "inherit",
    });
    const [code] = await once(child, "exit");
    return code === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
