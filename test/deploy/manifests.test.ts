import { existsSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { listenersOf } from "../../services/aggregator/xds/listeners.ts";
import { configSources } from "../../services/meshctl/commands/config-sources.ts";
import { ConfigSchema, formatIssue, loadConfig, sourcesOf } from "../../shared/config/mod.ts";
import type { Config } from "../../shared/config/mod.ts";
import {
  ContainerPort,
  DisruptionBudget,
  filesBelow,
  Kustomization,
  NetworkPolicy,
  parsePatch,
  pick,
  PolicyPort,
  readText,
  readYaml,
  root,
  Service,
  ServicePort,
  Workload,
} from "./read-manifests.ts";

const yamlFiles = filesBelow("deploy", ".yaml");
const documents = yamlFiles.flatMap((path) => readYaml(path));
const workloads = pick(Workload, documents, "Deployment", "StatefulSet");
const services = pick(Service, documents, "Service");
const policies = pick(NetworkPolicy, documents, "NetworkPolicy");
const kustomizations = filesBelow("deploy", "kustomization.yaml").map((path) => ({
  folder: posix.dirname(path),
  content: Kustomization.parse(readYaml(path)[0]),
}));

/** The workload whose pods a selector finds: exactly one, or what selects is wrong. */
function selected(labels: Readonly<Record<string, string>>): Workload {
  const found = workloads.filter(({ spec }) =>
    Object.entries(labels).every(([key, value]) => spec.template.metadata.labels[key] === value)
  );
  expect(found, JSON.stringify(labels)).toHaveLength(1);
  return one(found);
}

function one<T>(items: readonly T[]): T {
  const [first] = items;
  if (first === undefined) throw new Error("there is none");
  return first;
}

const containerOf = (workload: Workload) => one(workload.spec.template.spec.containers);

/** The number of a container's port, which is given by name or number; undefined if it has no such port. */
function portOf(workload: Workload, port: string | number): number | undefined {
  return containerOf(workload).ports.find(({ name, containerPort }) =>
    name === port || containerPort === port
  )
    ?.containerPort;
}

const isKustomization = (folder: string) => existsSync(join(root, folder, "kustomization.yaml"));

/** A kustomization with all that it is made of. */
function withResources(folder: string): readonly (typeof kustomizations)[number][] {
  const own = kustomizations.filter((kustomization) => kustomization.folder === folder);
  const below = own.flatMap(({ content }) => [...content.resources, ...content.components])
    .map((resource) => posix.join(folder, resource))
    .filter(isKustomization);
  return [...own, ...below.flatMap(withResources)];
}

/** The components of a kustomization, and theirs. */
function withComponents(folder: string): readonly string[] {
  const own = kustomizations.filter((kustomization) => kustomization.folder === folder)
    .flatMap(({ content }) => content.components)
    .map((component) => posix.join(folder, component));
  return [...own, ...own.flatMap(withComponents)];
}

/** The Deployments of the collectors that read what a configuration enables, sorted. */
function collectorsOf(config: Config): readonly string[] {
  const short: Readonly<Record<string, string>> = { zookeeper: "zk", kubernetes: "k8s" };
  const names = sourcesOf(config).map(({ registry }) => short[registry] ?? registry);
  return [...new Set(names)].map((name) => `${name}-collector`).sort();
}

/** A configuration file of ours as pods get it. */
function configOf(path: string) {
  return loadConfig(readText(path), { env: {}, fileName: path });
}

describe("kustomizations", () => {
  test.each(kustomizations)("$folder names only what exists", ({ folder, content }) => {
    for (const resource of [...content.resources, ...content.components]) {
      // Keys are made where they are used.
      if (resource === "nats-accounts") continue;
      const path = posix.join(folder, resource);
      expect(existsSync(join(root, path)), path).toBe(true);
      if (statSync(join(root, path)).isDirectory()) expect(isKustomization(path), path).toBe(true);
    }
    for (const file of content.configMapGenerator.flatMap(({ files }) => files)) {
      const path = posix.join(folder, file.slice(file.indexOf("=") + 1));
      expect(existsSync(join(root, path)), path).toBe(true);
      // Kustomize reads no file outside of the kustomization's folder.
      expect(path.startsWith(`${folder}/`), path).toBe(true);
    }
  });

  test.each(kustomizations)("$folder leaves no manifest out", ({ folder, content }) => {
    const files = yamlFiles.filter((path) => posix.dirname(path) === folder)
      .map((path) => posix.basename(path))
      .filter((name) => name !== "kustomization.yaml" && name !== "meshregistry.yaml");
    expect(content.resources.filter((resource) => resource.endsWith(".yaml")).sort()).toEqual(files);
  });

  test.each(kustomizations)("$folder changes only what is there", ({ folder, content }) => {
    const names = workloads.map(({ metadata }) => metadata.name);
    const images = workloads.map((workload) => containerOf(workload).image);
    expect(names).toEqual(expect.arrayContaining(content.replicas.map(({ name }) => name)));
    expect(images).toEqual(expect.arrayContaining(content.images.map(({ name }) => name)));
    for (const { target } of content.patches) {
      const hit = [...workloads, ...services, ...policies].filter(({ kind, metadata }) =>
        kind === target.kind && (target.name ?? metadata.name) === metadata.name
      );
      expect(hit, JSON.stringify(target)).not.toHaveLength(0);
    }
    const created = withResources(folder)
      .filter((other) => other.folder !== folder)
      .flatMap((other) => other.content.configMapGenerator.map(({ name }) => name));
    const changed = content.configMapGenerator.filter(({ behavior }) => behavior !== "create");
    expect(created).toEqual(expect.arrayContaining(changed.map(({ name }) => name)));
  });
});

describe("workloads", () => {
  test.each(workloads)("$metadata.name is confined", (workload) => {
    const { securityContext } = containerOf(workload);
    expect(securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(workload.spec.template.metadata.labels["sidecar.istio.io/inject"]).toBe("false");
    const Named = z.looseObject({ metadata: z.looseObject({ name: z.string() }) });
    const accounts = pick(Named, documents, "ServiceAccount").map(({ metadata }) => metadata.name);
    expect(accounts).toContain(workload.spec.template.spec.serviceAccountName);
  });

  test.each(workloads)("$metadata.name: selector, probes and volumes fit", (workload) => {
    const { template, selector, serviceName } = workload.spec;
    expect(selected(selector.matchLabels)).toBe(workload);
    const { startupProbe, readinessProbe, livenessProbe, volumeMounts } = containerOf(workload);
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      if (probe !== undefined) expect(portOf(workload, probe.httpGet.port)).toBeDefined();
    }
    const generated = kustomizations.flatMap(({ content }) =>
      content.configMapGenerator.map(({ name }) => name)
    );
    for (const { configMap } of template.spec.volumes) {
      if (configMap !== undefined) expect(generated).toContain(configMap.name);
    }
    // The demo's registries have nothing to be told.
    if (workload.metadata.name !== "demo-registries") {
      expect(volumeMounts.map(({ name }) => name)).toContain("configuration");
    }
    if (serviceName !== undefined) {
      expect(services.map(({ metadata }) => metadata.name)).toContain(serviceName);
    }
  });

  const configured = workloads.filter(({ kind, metadata }) =>
    kind === "Deployment" && metadata.name !== "demo-registries"
  );

  test.each(configured)(
    "$metadata.name: arguments fit ports and volumes",
    (workload) => {
      const { args, volumeMounts } = containerOf(workload);
      expect(args).toContain(`--http=0.0.0.0:${portOf(workload, "http")}`);
      expect(args).toContain(`--config=${one(volumeMounts).mountPath}/meshregistry.yaml`);
      // Patches of the overlays and of the component count on it.
      expect(one(workload.spec.template.spec.volumes).name).toBe("configuration");
    },
  );
});

describe("collectors", () => {
  const collectors = workloads.filter(({ metadata }) => metadata.name.endsWith("-collector"));

  test.each(collectors)("$metadata.name: replicas share its source", ({ metadata, ...workload }) => {
    // An old replica stays until a new one has read the registry.
    expect(workload.spec.strategy?.rollingUpdate).toMatchObject({ maxUnavailable: 0, maxSurge: 1 });
    // Leases and terms name the pod.
    expect(containerOf({ metadata, ...workload }).env.map(({ name }) => name)).toContain("POD_NAME");
    const budgets = pick(DisruptionBudget, documents, "PodDisruptionBudget");
    expect(budgets.map((budget) => budget.metadata.name)).toContain(metadata.name);
  });
});

describe("what leads to pods", () => {
  test.each(services)("Service $metadata.name: its ports are the containers'", ({ spec }) => {
    const workload = selected(spec.selector);
    for (const { port, targetPort } of spec.ports) expect(portOf(workload, targetPort)).toBe(port);
  });

  test.each(policies)(
    "NetworkPolicy $metadata.name: its ports are the containers'",
    ({ spec }) => {
      const workload = selected(spec.podSelector.matchLabels);
      for (const { port } of spec.ingress.flatMap(({ ports }) => ports)) {
        expect(portOf(workload, port), String(port)).toBeDefined();
      }
    },
  );

  test.each(pick(DisruptionBudget, documents, "PodDisruptionBudget"))(
    "PodDisruptionBudget $metadata.name selects a workload",
    ({ metadata, spec }) => expect(selected(spec.selector.matchLabels).metadata.name).toBe(metadata.name),
  );

  test.each(["deploy/istiod/helm-values.yaml", "deploy/istiod/istio-operator.yaml"])(
    "%s names our Service, and Kubernetes",
    (path) => {
      const Mesh = z.looseObject({
        configSources: z.array(z.strictObject({ address: z.string() })),
      });
      const File = z.union([
        z.looseObject({ meshConfig: Mesh }).transform(({ meshConfig }) => meshConfig),
        z.looseObject({ spec: z.looseObject({ meshConfig: Mesh }) }).transform(({ spec }) => spec.meshConfig),
      ]);
      const { namespace } =
        one(kustomizations.filter(({ folder }) => folder.endsWith("/production"))).content;
      expect(File.parse(readYaml(path)[0]).configSources).toEqual([
        { address: `xds://meshregistry.${namespace}.svc:16010` },
        { address: "k8s://" },
      ]);
    },
  );
});

describe("the component of shards", () => {
  const folder = "deploy/components/shards";
  const { content } = one(kustomizations.filter((kustomization) => kustomization.folder === folder));
  /** What the patch of a kind adds to the list at `path`. */
  const added = <T>(kind: string, path: string, schema: z.ZodType<T>): readonly T[] => {
    const { patch } = one(content.patches.filter(({ target }) => target.kind === kind));
    return parsePatch(patch).filter((step) => step.op === "add" && step.path === path)
      .map(({ value }) => schema.parse(value));
  };
  const first = portOf(selected({ "app.kubernetes.io/name": "aggregator" }), "grpc-xds") ?? 0;
  const servicePorts = added("Service", "/spec/ports/-", ServicePort);

  test("it is for as many shards as it says", () => {
    const count = Number(/xds\.shards: (\d+)/.exec(readText(`${folder}/kustomization.yaml`))?.[1]);
    const { grpc } = listenersOf(ConfigSchema.parse({ xds: { shards: count } }));
    const further = grpc.slice(1).map(({ address }) => Number(address.split(":").at(-1)));
    expect(further).toHaveLength(count - 1);
    expect(servicePorts.map(({ port }) => port)).toEqual(further);
    expect(configSources("meshregistry.istio-system.svc", first, count, undefined).slice(0, -1)).toEqual(
      [first, ...servicePorts.map(({ port }) => port)].map((port) => ({
        address: `xds://meshregistry.istio-system.svc:${port}`,
      })),
    );
  });

  test("Service, pods and NetworkPolicy have the same ports", () => {
    const ports = added("Deployment", "/spec/template/spec/containers/0/ports/-", ContainerPort);
    expect(ports.map(({ containerPort }) => containerPort)).toEqual(servicePorts.map(({ port }) => port));
    for (const { name, port, targetPort } of servicePorts) {
      expect(targetPort).toBe(port);
      // Names of ports have 15 characters at most.
      expect(name.length).toBeLessThanOrEqual(15);
    }
    const range = one(added("NetworkPolicy", "/spec/ingress/0/ports/-", PolicyPort));
    expect(range).toEqual({ port: first + 1, endPort: servicePorts.at(-1)?.port });
  });

  test("the NetworkPolicy's first rule is the one for xDS", () => {
    const { spec } = one(policies.filter(({ metadata }) => metadata.name === "aggregator"));
    expect(spec.ingress[0]?.ports[0]?.port).toBe("grpc-xds");
  });
});

describe("configuration", () => {
  test.each(filesBelow("deploy", "meshregistry.yaml"))("%s is in order and fits the manifests", (path) => {
    const { config, warnings } = configOf(path);
    expect(warnings.map(formatIssue)).toEqual([]);
    // An overlay takes the collectors of the registries that its configuration enables: one whose source is off would not
    // start, and without its collector a source would never be read.
    const folder = posix.dirname(path);
    const collectors = withComponents(folder).map((name) => posix.basename(name))
      .filter((name) => name.endsWith("-collector"));
    if (collectors.length > 0) expect(collectors.sort()).toEqual(collectorsOf(config));
    const server = selected({ "app.kubernetes.io/name": "aggregator" });
    expect(config.mcp.serverUrl).toBe(`xds://0.0.0.0:${portOf(server, "grpc-xds")}`);
    const addresses = services.flatMap(({ metadata, spec }) =>
      spec.ports.map(({ port }) => `nats://${metadata.name}:${port}`)
    );
    expect(addresses).toEqual(expect.arrayContaining([...config.nats.servers]));
  });

  test("the production overlay has as many NATS servers as its cluster knows, and copies of the stream", () => {
    const folder = "deploy/overlays/production";
    const { content } = one(kustomizations.filter((kustomization) => kustomization.folder === folder));
    const nats = one(content.replicas.filter(({ name }) => name === "meshregistry-nats"));
    const routes = readText(`${folder}/cluster.conf`).match(/nats:\/\/\S+/g);
    expect(routes).toEqual(
      Array.from(
        { length: nats.count },
        (_, index) => `nats://${nats.name}-${index}.meshregistry-nats-headless:6222`,
      ),
    );
    expect(configOf(`${folder}/meshregistry.yaml`).config.nats.replicas).toBe(nats.count);
  });
});

describe("images", () => {
  test("the base images are the runtimes that we test with", () => {
    const { devDependencies } = z.looseObject({
      devDependencies: z.looseObject({ node: z.string(), deno: z.string() }),
    }).parse(JSON.parse(readText("package.json")));
    const [major] = devDependencies.node.split(".");
    expect(readText("deploy/images/Containerfile")).toContain(`ARG BASE=node:${major}-slim\n`);
    expect(readText("deploy/images/Containerfile.deno")).toContain(
      `ARG BASE=denoland/deno:${devDependencies.deno}\n`,
    );
  });

  test("both Containerfiles differ in their last stage only", () => {
    const instructions = (path: string) =>
      readText(path).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    const [node, deno] = ["Containerfile", "Containerfile.deno"].map((name) =>
      instructions(`deploy/images/${name}`)
    );
    const onlyDeno = deno?.filter((line) => node?.includes(line) === false);
    expect(onlyDeno?.map((line) => line.split(" ")[0])).toEqual(["ARG", "COPY", "RUN", "ENTRYPOINT"]);
  });
});
