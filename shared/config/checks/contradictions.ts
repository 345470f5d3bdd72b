import type { KeyPath } from "../config-issue.ts";
import { unexpected } from "../config-issue.ts";
import { formatGoDuration } from "../schema/duration.ts";
import type { Duration } from "../schema/duration.ts";
import { always, own } from "./contradiction.ts";
import type { Contradiction } from "./contradiction.ts";
import { checkConflicts } from "./conflict-checks.ts";
import { checkEndpoints } from "./network-checks.ts";
import type { Config } from "../schema/schema.ts";
import { asOnlySource, namedSection, namedSources, sourceSections } from "../named-sources.ts";
import type { SourceSection } from "../named-sources.ts";
import { checkKubernetes } from "./kubernetes-checks.ts";
import { checkNacos } from "./nacos-checks.ts";
import { checkNacosConnection } from "./nacos-connection-checks.ts";
import { checkPlacements } from "./placement-checks.ts";
import { checkServing } from "./serving-checks.ts";

/**
 * Slime's Validate, and what made slime panic later, and our own rules. Disabled sources aren't looked at. Takes the
 * rectified configuration.
 */
export function contradictionsOf(config: Config): readonly Contradiction[] {
  return [...contradictionsIn(config), ...sourceSections.flatMap((section) => checkNamed(config, section))];
}

/** The rules of a source are those of its section; what they find is told of the place where it stands. */
function checkNamed(config: Config, section: SourceSection): Contradiction[] {
  return namedSources(config, section).flatMap(({ name, options }) => {
    const place = [namedSection(section), name];
    const found = contradictionsIn(asOnlySource(config, section, options))
      .filter(({ path }) => path[0] === section)
      .map((each) => ({ ...each, path: [...place, ...each.path.slice(1)] }));
    return /^[A-Za-z0-9_-]+$/.test(name) && name !== "default" ? found : [
      always(
        place,
        unexpected('a name of letters, digits, "-" and "_", other than "default"', name, place),
      ),
      ...found,
    ];
  });
}

function contradictionsIn(config: Config): readonly Contradiction[] {
  return [
    ...checkRegistrySource("zookeeperSource", config.zookeeperSource),
    ...checkZookeeper(config.zookeeperSource),
    ...checkRegistrySource("eurekaSource", config.eurekaSource),
    ...checkServers("eurekaSource", config.eurekaSource),
    ...checkEureka(config.eurekaSource),
    ...checkRegistrySource("nacosSource", config.nacosSource),
    ...checkServers("nacosSource", config.nacosSource),
    ...checkNacos(config.nacosSource),
    ...checkNacosConnection(config.nacosSource),
    ...checkKubernetes(config),
    ...checkPlacements(config),
    ...checkConflicts(config),
    ...checkEndpoints(config),
    ...checkNats(config.nats),
    ...notNegative(["push", "minInterval"], config.push.minInterval),
    ...notNegative(["guard", "holdTime"], config.guard.holdTime),
    ...notNegative(["retention", "emptyServices"], config.retention.emptyServices),
    ...notNegative(["mcp", "cleanZombieInterval"], config.mcp.cleanZombieInterval),
    ...checkIncrementalPush(config.mcp),
    ...checkServing(config),
  ];
}

type RegistryName = "zookeeperSource" | "eurekaSource" | "nacosSource";

function checkRegistrySource(name: RegistryName, source: Config[RegistryName]): Contradiction[] {
  if (!source.enabled) return [];
  const found: Contradiction[] = [];
  const polls = name !== "zookeeperSource" || !("mode" in source) || source.mode === "polling";
  if (polls && source.refreshPeriod <= 0) {
    found.push(notPositive([name, "refreshPeriod"], source.refreshPeriod));
  }
  if (source.mockServiceEntryName !== "" && source.mockServiceName === "") {
    found.push(
      always([name, "mockServiceName"], "expected a host because mockServiceEntryName is set, found nothing"),
    );
  }
  if (!source.instancePortAsSvcPort && source.svcPort === 0) {
    const why = "because instancePortAsSvcPort is off";
    found.push(always([name, "svcPort"], `expected a port above 0 ${why}, found 0; set one of the two`));
  }
  if (source.svcPort > 65_535) {
    found.push(own([name, "svcPort"], `expected a port up to 65535, found ${source.svcPort}`));
  }
  for (const [index, selector] of source.endpointSelectors.entries()) {
    for (const [at, { operator }] of (selector.matchExpressions ?? []).entries()) {
      if (selectorOperators.has(operator)) continue;
      const path = [name, "endpointSelectors", index, "matchExpressions", at, "operator"];
      found.push(own(path, unexpected("In, NotIn, Exists or DoesNotExist", operator, path)));
    }
  }
  return found;
}

const selectorOperators: ReadonlySet<string> = new Set(["In", "NotIn", "Exists", "DoesNotExist"]);

function checkZookeeper(source: Config["zookeeperSource"]): Contradiction[] {
  if (!source.enabled) return [];
  const found: Contradiction[] = [];
  if (source.address.length === 0) {
    const expected = 'expected at least one "host:port" because the source is enabled, found an empty list';
    found.push(always(["zookeeperSource", "address"], expected));
  }
  if (source.mode !== "polling" && source.watchingWorkerCount <= 0) {
    const message = `expected a number above 0, found ${source.watchingWorkerCount}`;
    found.push(always(["zookeeperSource", "watchingWorkerCount"], message));
  }
  if (source.mode !== "polling" && source.mode !== "watching") {
    const path = ["zookeeperSource", "mode"];
    found.push(
      own(path, `${unexpected('"polling" or "watching"', source.mode, path)}, which is taken for watching`),
    );
  }
  if ((source.username === "") !== (source.password === "")) {
    const missing = source.username === "" ? "username" : "password";
    const message = "expected username and password together, found only the other one";
    found.push(always(["zookeeperSource", missing], message));
  }
  found.push(...notNegative(["zookeeperSource", "metadataServiceTimeout"], source.metadataServiceTimeout));
  const roots = [
    [["zookeeperSource", "registryRootNode"], source.registryRootNode],
    ...source.applicationRoots.map((root, index) =>
      [["zookeeperSource", "applicationRoots", index], root] as const
    ),
  ] as const;
  for (const [path, root] of roots) {
    // Some servers answer such requests with other nodes.
    if (/^(\/[^/]+)+$/.test(root)) continue;
    found.push(always(path, unexpected('a path such as "/dubbo", without a slash at its end', root, path)));
  }
  return found;
}

function checkServers(
  name: "eurekaSource" | "nacosSource",
  source: Config["eurekaSource"] | Config["nacosSource"],
): Contradiction[] {
  if (!source.enabled) return [];
  const expected = "expected at least one URL because the source is enabled, found an empty list";
  if (source.servers.length === 0) {
    return source.address.length === 0
      ? [always([name, "address"], `${expected}; set address or servers`)]
      : [];
  }
  const found = [...source.servers.entries()].flatMap(([index, server]) =>
    server.address.length === 0 ? [always([name, "servers", index, "address"], expected)] : []
  );
  if (source.address.length > 0) {
    const message = "is ignored because servers is given; move it into servers or remove it";
    found.push(own([name, "address"], message));
  }
  return found;
}

function checkEureka(source: Config["eurekaSource"]): Contradiction[] {
  if (!source.enabled) return [];
  return (["deltaPeriod", "requestTimeout"] as const).flatMap((key) =>
    source[key] > 0 ? [] : [notPositive(["eurekaSource", key], source[key])]
  );
}

function checkNats(nats: Config["nats"]): Contradiction[] {
  const found: Contradiction[] = [];
  if (nats.replicas < 1 || nats.replicas > 5) {
    found.push(always(["nats", "replicas"], `expected a number from 1 to 5, found ${nats.replicas}`));
  }
  if (!/^[^\s.*>/\\]+$/.test(nats.stream)) {
    const expected = "a stream name without spaces, dots, *, > and slashes";
    found.push(always(["nats", "stream"], unexpected(expected, nats.stream, ["nats", "stream"])));
  }
  if ((nats.user === "") !== (nats.password === "")) {
    const missing = nats.user === "" ? "user" : "password";
    found.push(always(["nats", missing], "expected user and password together, found only the other one"));
  }
  const ways = (["user", "token", "nkeySeed", "nkeySeedFile", "credsFile"] as const).filter((key) =>
    nats[key] !== ""
  );
  if (ways.length > 1) {
    found.push(always(["nats"], `expected one way to log in, found ${ways.join(" and ")}; keep one of them`));
  }
  for (const key of ["nkeySeedFile", "credsFile"] as const) {
    // The seed itself would be shown as a path that can't be read.
    if (!/^S[A-Z2-7]{40,}$/.test(nats[key])) continue;
    found.push(
      always(["nats", key], "expected the path of a file, found a seed; a seed itself is nats.nkeySeed"),
    );
  }
  if (nats.tls !== undefined && (nats.tls.certFile === "") !== (nats.tls.keyFile === "")) {
    const missing = nats.tls.certFile === "" ? "certFile" : "keyFile";
    const message = "expected certFile and keyFile together, found only the other one";
    found.push(always(["nats", "tls", missing], message));
  }
  return found;
}

/** In slime this pair ended in a panic once the sources were ready. */
function checkIncrementalPush(mcp: Config["mcp"]): Contradiction[] {
  if (!mcp.enableIncPush || mcp.enableAnnoResVer) return [];
  const message = "expected true because enableIncPush is on, found false; switch one of the two";
  return [always(["mcp", "enableAnnoResVer"], message)];
}

function notPositive(path: KeyPath, value: Duration): Contradiction {
  return always(path, `expected a duration above 0, such as "30s", found ${formatGoDuration(value)}`);
}

function notNegative(path: KeyPath, value: Duration): Contradiction[] {
  return value >= 0
    ? []
    : [always(path, `expected a duration of 0 or more, found ${formatGoDuration(value)}`)];
}
