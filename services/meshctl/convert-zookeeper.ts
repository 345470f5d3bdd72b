import type { LoadedConfig } from "../../shared/config/mod.ts";
import { MockService } from "../../shared/conversion/mock-service.ts";
import type { Manifest } from "../../shared/model/manifest.ts";
import { ApplicationRegistry } from "../zk-collector/application-registry.ts";
import { CallModel } from "../zk-collector/call-model.ts";
import type { MetadataAccess } from "../zk-collector/metadata-resolver.ts";
import { MetadataResolver } from "../zk-collector/metadata-resolver.ts";
import type { InvalidRecord } from "../zk-collector/registry-records.ts";
import type { Directory } from "../zk-collector/registry-tree.ts";
import { RegistryTree } from "../zk-collector/registry-tree.ts";
import { ServiceCatalogue } from "../zk-collector/service-catalogue.ts";
import { Sidecars } from "../zk-collector/sidecars.ts";
import type { UrlKind } from "../zk-collector/tree-paths.ts";
import { pathClassifier } from "../zk-collector/tree-paths.ts";
import { zookeeperRules } from "../zk-collector/zookeeper-rules.ts";
import type { Conversion, ConvertSource } from "./convert-source.ts";
import type { DumpedNode } from "./convert-zookeeper-dump.ts";
import { readDump } from "./convert-zookeeper-dump.ts";
import { readTree } from "./zookeeper-tree.ts";

// This file is the documented exception to «no service imports another»: a dry run has to be the collector's own code.

const directories: Readonly<Record<UrlKind, Directory>> = {
  provider: "providers",
  consumer: "consumers",
  configurator: "configurators",
};

/**
 * Converts a ZooKeeper tree, as the collector would on a complete read, Sidecars included. Instances of applications
 * are not asked for what they offer: what ZooKeeper has of it must do.
 */
export async function convertTree(
  nodes: readonly DumpedNode[],
  { config, environment }: LoadedConfig,
  invalidRecords: InvalidRecord[] = [],
): Promise<Conversion> {
  const { zookeeperSource: source, profile } = config;
  const report = (record: InvalidRecord) => void invalidRecords.push(record);
  const tree = new RegistryTree();
  const access = dumpAccess(nodes);
  const resolver = new MetadataResolver(
    access,
    { root: source.registryRootNode, report },
    new AbortController().signal,
  );
  const applications = new ApplicationRegistry({
    resolver,
    isAtInterfaceLevel: (application, host) => tree.isProviding(application, host),
    interfaceChanged: () => {},
    springChanged: () => {},
    report,
  });
  const consumers = source.consumerPath.replace(/^\/+|\/+$/g, "");
  const classify = pathClassifier({
    interfaces: source.registryRootNode,
    applications: source.applicationRoots,
    consumers: consumers === "" ? undefined : consumers,
  });
  const instances: DumpedNode[] = [];
  for (const node of nodes) {
    const place = classify(node.path);
    if (place.kind === "application-instance") instances.push(node);
    if (place.kind !== "provider" && place.kind !== "consumer" && place.kind !== "configurator") continue;
    if (place.kind !== "configurator" || source.enableConfiguratorMeta) {
      tree.add(place.interface, directories[place.kind], place.name);
    }
  }
  const parents = parentsOf(nodes);
  for (const { path, data } of instances) {
    if (!parents.has(path)) applications.nodeChanged(path, Buffer.from(data ?? ""));
  }
  await applications.settled();

  const calls = new CallModel();
  const mock = MockService.of(source, "zookeeper", profile, environment.istioRevision);
  const rules = zookeeperRules(source, profile, environment);
  const catalogue = new ServiceCatalogue({ tree, applications, calls, rules, mock, report });
  const sidecars = new Sidecars({
    enabled: source.enableDubboSidecar,
    profile,
    namespace: source.resourceNs,
    workloadLabel: source.dubboWorkloadAppLabel,
    protocol: source.svcProtocol,
    selfConsume: source.selfConsume,
    trimIntervalMs: source.trimDubboRemoveDepInterval,
    istioRevision: environment.istioRevision,
  }, calls);
  const manifests: Manifest[] = [];
  for (const key of catalogue.keys()) {
    const update = catalogue.convert(key);
    manifests.push(...update.manifests);
    sidecars.changed(update.changedApplications);
  }
  if (mock?.isPublishable === true) manifests.push(mock.manifest());
  manifests.push(...sidecars.plan(0, false).upserts);
  const asked = instances.length > 0 && source.metadataServiceTimeout > 0;
  const notes = asked
    ? ["a collector would also ask instances of applications; this reads the dump only"]
    : [];
  return { manifests: manifests.map(withoutBookkeeping), invalidRecords, notes };
}

/** Bookkeeping of collectors, which isn't served. */
const bookkeepingPrefix = "meshregistry.io/";

function withoutBookkeeping<Kind extends Manifest>(manifest: Kind): Kind {
  const { annotations = {} } = manifest.metadata;
  const served = Object.entries(annotations).filter(([key]) => !key.startsWith(bookkeepingPrefix));
  return { ...manifest, metadata: { ...manifest.metadata, annotations: Object.fromEntries(served) } };
}

/** ZooKeeper, for `meshctl convert`. */
export const zookeeperConvertSource: ConvertSource = {
  convert: async (input, loaded) => {
    const invalidRecords: InvalidRecord[] = [];
    const nodes = readDump(input, (record) => invalidRecords.push(record));
    return await convertTree(nodes, loaded, invalidRecords);
  },
  convertLive: async (address, loaded, signal) => {
    const { config } = loaded;
    const source = { ...config.zookeeperSource, address: [...address] };
    const invalidRecords: InvalidRecord[] = [];
    const nodes = await readTree(source, [source.registryRootNode, ...source.applicationRoots], {
      unreadable: (path, reason) => void invalidRecords.push({ path, reason }),
      progress: () => {},
    }, signal);
    const conversion = await convertTree(nodes, loaded, invalidRecords);
    return {
      ...conversion,
      notes: [`read ${nodes.length} nodes of ${address.join(",")}`, ...conversion.notes],
    };
  },
  isEnabled: ({ config }) => config.zookeeperSource.enabled,
  // The address is never asked, but a source without one is a mistake everywhere else.
  defaultConfig: JSON.stringify({ zookeeperSource: { enabled: true, address: ["localhost:2181"] } }),
};

function dumpAccess(nodes: readonly DumpedNode[]): MetadataAccess {
  const contents = new Map<string, Uint8Array>();
  const children = new Map<string, string[]>();
  for (const { path, data } of nodes) {
    contents.set(path, Buffer.from(data ?? ""));
    const slash = path.lastIndexOf("/");
    const parent = path.slice(0, slash);
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [path.slice(slash + 1)]);
    else siblings.push(path.slice(slash + 1));
  }
  return {
    readNode: (path) => Promise.resolve(contents.get(path)),
    listChildren: (path) =>
      Promise.resolve(contents.has(path) || children.has(path) ? children.get(path) ?? [] : undefined),
    askInstance: undefined,
  };
}

function parentsOf(nodes: readonly DumpedNode[]): Set<string> {
  return new Set(nodes.map(({ path }) => path.slice(0, path.lastIndexOf("/"))));
}
