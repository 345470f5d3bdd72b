/**
 * The page `docs/tested-versions.md`: which real servers, in which versions, are started by which tests. It is made from
 * the recipes and from what the test files demand (`requireReal`), so that it can't fall behind them:
 * `node test/servers/tested-versions.ts`, and with `--check` it is only compared.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, posix, relative, sep } from "node:path";
import { isServerName, recipeOf, serverNames } from "./recipes.ts";
import type { ServerName } from "./recipes.ts";

const root = join(import.meta.dirname, "..", "..");
const page = join(root, "docs", "tested-versions.md");

/** In the order of the page. */
const groups = [
  "Registries",
  "Applications",
  "istiod and Envoy",
  "NATS and Kubernetes",
  "Tools and clients",
] as const;

/** What people call a server, and what they should know of its version. */
const titles: Readonly<Record<ServerName, readonly [(typeof groups)[number], string]>> = {
  eureka: ["Registries", "Eureka (Spring Cloud Netflix)"],
  "nacos-2": ["Registries", "Nacos 2"],
  "nacos-3": ["Registries", "Nacos 3"],
  rnacos: ["Registries", "r-nacos, another server of Nacos' protocol"],
  "zookeeper-3.4": ["Registries", "ZooKeeper 3.4"],
  "zookeeper-3.8": ["Registries", "ZooKeeper 3.8"],
  "zookeeper-3.9": ["Registries", "ZooKeeper 3.9"],
  "dubbo-2.7": ["Applications", "Dubbo 2.7"],
  "dubbo-3.3": ["Applications", "Dubbo 3.3"],
  "spring-zookeeper": ["Applications", "Spring Cloud ZooKeeper"],
  "spring-nacos": ["Applications", "Spring Cloud Alibaba"],
  "nacos-app": ["Applications", "Nacos' Java client"],
  "istiod-latest": ["istiod and Envoy", "istiod, the newest commit when it was chosen"],
  "istiod-1.22": ["istiod and Envoy", "istiod, a commit shortly before 1.22"],
  istioctl: ["istiod and Envoy", "istioctl (its validation)"],
  envoy: ["istiod and Envoy", "Envoy"],
  "nats-server": ["NATS and Kubernetes", "nats-server"],
  "kube-apiserver": ["NATS and Kubernetes", "Kubernetes API server"],
  helm: ["Tools and clients", "Helm"],
  promtool: ["Tools and clients", "promtool, of Prometheus"],
  grpcurl: ["Tools and clients", "grpcurl"],
  "zookeeper-native": ["Tools and clients", "the package `zookeeper` (`driver: native`)"],
  "nacos-package": ["Tools and clients", "the package `nacos` (`driver: package`)"],
};

const suffix = ".real.test.ts";

/** Paths of all files with tests of real servers, relative to the root. */
function testFiles(): string[] {
  return ["services", "shared", "test"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(suffix) && !file.includes("node_modules"))
      .map((file) => posix.join(folder, file.split(sep).join("/")))
  ).sort();
}

/** Servers that a text demands. A name that isn't written there is one of those that the text names elsewhere. */
function demandsIn(text: string): ServerName[] {
  return [...text.matchAll(/requireReal\(((?:[^()]|\([^()]*\))*)\)/g)].flatMap(([, given = ""]) => {
    const families = [...given.matchAll(/`([a-z]+-)\$\{/g)].map(([, prefix = ""]) => prefix);
    if (given.includes("zooKeeperServerName")) families.push("zookeeper-");
    const ofFamilies = serverNames.filter((name) =>
      families.some((prefix) =>
        name.startsWith(prefix) && /^(latest|[\d.]+)$/.test(name.slice(prefix.length))
      )
    );
    const named = namesIn(given);
    return named.length + ofFamilies.length > 0 ? [...named, ...ofFamilies] : namesIn(text);
  });
}

function namesIn(text: string): ServerName[] {
  return [...text.matchAll(/"([\w.-]+)"/g)].map(([, name = ""]) => name).filter(isServerName);
}

/** Servers that a test file demands, by itself or by the helpers of its folder. */
function demandsOf(file: string): ReadonlySet<ServerName> {
  const text = readFileSync(join(root, file), "utf8");
  const helpers = [...text.matchAll(/from "\.\/([\w-]+\.ts)"/g)]
    .map(([, helper = ""]) => join(root, dirname(file), helper));
  const texts = [
    text,
    ...dirname(file) === "test/servers" ? [] : helpers.map((path) => readFileSync(path, "utf8")),
  ];
  const demands = texts.flatMap(demandsIn);
  // Helpers leave the choice of an istiod to a file that is named after it.
  const [, istiod] = /-(latest|1\.22)\.real/.exec(file) ?? [];
  return new Set(
    demands.filter((name) =>
      istiod === undefined || !name.startsWith("istiod-") || name === `istiod-${istiod}`
    ),
  );
}

/**
 * The page as it has to be. @throws RangeError for a server that no test demands: then the page would promise too much, or
 * this file has overlooked a test.
 */
export function testedVersionsPage(): string {
  const files = testFiles().map((file) => ({ file, demands: demandsOf(file) }));
  const sections = groups.map((group) => {
    const lines = serverNames.filter((name) => titles[name][0] === group).sort().map((name) => {
      const tests = files.filter(({ demands }) => demands.has(name)).map(({ file }) => file);
      if (tests.length === 0) throw new RangeError(`no test demands ${name}`);
      const links = tests.map((file) => `  [${basename(file, suffix)}](../${file})`);
      return `- **${titles[name][1]}**, ${recipeOf(name).version}:\n${links.join(",\n")}`;
    });
    return `## ${group}\n\n${lines.join("\n")}`;
  });
  const script = relative(root, import.meta.filename).split(sep).join("/");
  return `# Tested versions

<!-- Made by ${script}: don't change it by hand. -->

Real servers that the tests start, each with the tests that do. \`npm run servers\` builds them in exactly these
versions; CI runs all of these tests, and fails if one of the servers is missing. Other versions were not tried.

Istio's releases have no Go module versions, so commits stand for them; the date is in the version. What is
known of other versions of NATS is in [deployment.md](deployment.md#a-nats-of-your-own).

${sections.join("\n\n")}
`;
}

/** Without line breaks, which `deno fmt` sets. */
function words(text: string): string {
  return text.split(/\s+/).join(" ");
}

if (import.meta.main) {
  const wanted = testedVersionsPage();
  if (!process.argv.includes("--check")) writeFileSync(page, wanted);
  else if (words(readFileSync(page, "utf8")) !== words(wanted)) {
    process.stderr.write(
      "docs/tested-versions.md is out of date; run: node test/servers/tested-versions.ts && npm run format\n",
    );
    process.exitCode = 1;
  }
}
