import type { LoadedConfig } from "../../shared/config/mod.ts";
import { MockService } from "../../shared/conversion/mock-service.ts";
import type { Manifest } from "../../shared/model/manifest.ts";
import { ApplicationRegistry } from "./applications/application-registry.ts";
import { CallModel } from "./calls/call-model.ts";
import type { MetadataAccess } from "./applications/metadata-resolver.ts";
import { MetadataResolver } from "./applications/metadata-resolver.ts";
import type { InvalidRecord } from "./conversion/registry-records.ts";
import type { Directory } from "./tree/registry-tree.ts";
import { RegistryTree } from "./tree/registry-tree.ts";
import { ServiceCatalogue } from "./service-catalogue.ts";
import { Sidecars } from "./calls/sidecars.ts";
import type { UrlKind } from "./tree/tree-paths.ts";
import { pathClassifier } from "./tree/tree-paths.ts";
import { zookeeperRules } from "./conversion/zookeeper-rules.ts";

/** A node of a ZooKeeper tree: its full path, and its content as text (null: none). */
export interface TreeNode {
  readonly path: string;
  readonly data: string | null;
}

/** What a tree becomes. */
export interface ConvertedTree {
  /** As they would be served, but for the output stage; in no order. */
  readonly manifests: readonly Manifest[];
  /** Nodes of instances of applications that are in the tree. */
  readonly applicationInstances: number;
}

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
  nodes: readonly TreeNode[],
  { config, environment }: LoadedConfig,
  report: (record: InvalidRecord) => void,
): Promise<ConvertedTree> {
  const { zookeeperSource: source, profile } = config;
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
  const instances: TreeNode[] = [];
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
  return { manifests: manifests.map(withoutBookkeeping), applicationInstances: instances.length };
}

/** Bookkeeping of collectors, which isn't served. */
const bookkeepingPrefix = "meshregistry.io/";

function withoutBookkeeping<Kind extends Manifest>(manifest: Kind): Kind {
  const { annotations = {} } = manifest.metadata;
  const served = Object.entries(annotations).filter(([key]) => !key.startsWith(bookkeepingPrefix));
  return { ...manifest, metadata: { ...manifest.metadata, annotations: Object.fromEntries(served) } };
}

function dumpAccess(nodes: readonly TreeNode[]): MetadataAccess {
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

function parentsOf(nodes: readonly TreeNode[]): Set<string> {
  return new Set(nodes.map(({ path }) => path.slice(0, path.lastIndexOf("/"))));
}
