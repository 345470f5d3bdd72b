import type { Dice } from "./dice.ts";
import { commonOptions, labelValue, metadata } from "./random-labels.ts";

/** Raw names of the interfaces' nodes. */
const interfaces = [
  "com.acme.Order",
  "com.acme.Order$Item",
  "com.acme.Order%24Item",
  "lowercase",
  "com.acme.%E6%9C%8D",
] as const;
const applications = ["shop", "web", "stock", "app.1", "no app!"] as const;
const groups = ["", "g", "blue", "a:b", "a b"] as const;
const versions = ["", "1.0", "2.0.0"] as const;
const methods = [
  "get",
  "list",
  "get,list",
  "list,get",
  "",
  ",get,,",
  "$x,é",
  "_a",
  "\u{1f600},\ufb00",
] as const;
const tags = [
  "gray",
  "a=1",
  "a=1,b=2",
  "application=web,x",
  "version=1.0,group=g",
  "instanceId=a:b,c=d",
] as const;

/** A node of a dump of the tree. */
export interface DumpNode {
  readonly path: string;
  readonly data: null;
}

const selectors = [
  { matchLabels: { env: "a" } },
  { matchLabels: {} },
  { matchLabels: { "Acme.com/x": "a" } },
  { matchExpressions: [{ key: "zone", operator: "NotIn", values: ["a", "b"] }] },
  { matchExpressions: [{ key: "app", operator: "Exists" }] },
  { matchExpressions: [{ key: "app", operator: "Is" }] },
  { ExcludeIPRanges: { IPs: ["10.0.0.3"] } },
  { ExcludeIPRanges: { CIDRs: ["10.0.0.0/30", "x", "::/0"] } },
  { ExcludeIPRanges: { CIDRs: ["10.0.0.0/030"] } },
  { ExcludeIPRanges: { CIDRs: ["x"] } },
  { matchLabels: { env: "a" }, ExcludeIPRanges: { CIDRs: ["::ffff:10.0.0.0/126"] } },
  {},
] as const;

const relabellings = [
  { Key: "env", TargetKey: "group", Overwrite: true },
  { Key: "env", TargetKey: "version", ValuesMapping: { a: "1.0" } },
  { Key: "cell", TargetKey: "istio-locality", Overwrite: true, CreatedWithValue: "r.z" },
  { Key: "application", TargetKey: "app" },
  { Key: "zone", TargetKey: "application", Overwrite: true },
  { Key: "", TargetKey: "x" },
] as const;

/** `ZookeeperSource`, in slime's spelling. */
export function zookeeperSource(dice: Dice): Record<string, unknown> {
  return {
    ...commonOptions(dice),
    ...dice.options(0.15, {
      HostSuffix: () => dice.one([".dubbo", "-x"]),
      SelfConsume: () => true,
      SingleAppService: () => true,
      EnableDubboSidecar: () => false,
      DubboWorkloadAppLabel: () => "application",
      IgnoreLabel: () => dice.one([[], ["env"], ["application", "pid"]]),
      ConsumerPath: () => dice.one(["-", "/consumers", ""]),
      EndpointSelectors: () => dice.some(selectors, 0.2),
      ServicedEndpointSelectors: () => ({ "com.acme.Order": dice.some(selectors, 0.2), lowercase: null }),
      EmptyEpSelectorsExcludeAll: () => true,
      AlwaysUseSourceScopedEpSelectors: () => true,
      InstanceMetaRelabel: () => ({ Items: dice.some(relabellings, 0.3) }),
      MethodLBServiceSelectors: () =>
        dice.one([[{ Invert: true }], [{ matchLabels: { application: "shop" } }]]),
      EnableConfiguratorMeta: () => true,
    }),
  };
}

/** A tree below `/dubbo`, as `meshctl zk dump` writes it. */
export function zookeeperTree(dice: Dice): DumpNode[] {
  const paths = ["/dubbo"];
  for (const node of dice.some(interfaces, 0.45)) {
    const parent = `/dubbo/${node}`;
    paths.push(parent, `${parent}/providers`);
    // Addresses differ, since slime has those that don't in ZooKeeper's order.
    for (let index = dice.below(5); index > 0; index--) {
      paths.push(`${parent}/providers/${provider(dice, node, index)}`);
    }
    if (dice.chance(0.8)) {
      paths.push(
        `${parent}/consumers`,
        ...dice.list(3, (index) => `${parent}/consumers/${consumer(dice, node, index)}`),
      );
    }
  }
  return [...new Set(paths)].map((path) => ({ path, data: null }));
}

function provider(dice: Dice, node: string, index: number): string {
  const port = dice.chance(0.9)
    ? dice.one(["20880", "20881"])
    : dice.one(["0", "+80", "020880", "65536", "x", ""]);
  const host = dice.chance(0.93)
    ? `10.0.0.${index}`
    : dice.one(["order-1", "[fd00::1]", "10.0.0.256", "u@10.0.0.9"]);
  const scheme = dice.chance(0.93) ? "dubbo" : dice.one(["tri", "rest", "consumer", "DUBBO"]);
  return named(dice, `${scheme}://${host}:${port}/${node}?${query(dice, index)}`);
}

function consumer(dice: Dice, node: string, index: number): string {
  const address = dice.chance(0.7)
    ? `10.0.1.${index}`
    : dice.one(["web-1", "[fd00::1]", "10.0.1.1:0", "10.0.1.2:20880", "u:p@web-2:99999", ""]);
  const scheme = dice.chance(0.9) ? "consumer" : dice.one(["dubbo", "tri"]);
  return named(dice, `${scheme}://${address}/${node}?${query(dice, index)}`);
}

function query(dice: Dice, index: number): string {
  const pairs: [string, string][] = [["timestamp", `${index}`]];
  if (dice.chance(0.9)) pairs.push(["application", dice.one(applications)]);
  if (dice.chance(0.4)) pairs.push([dice.one(["group", "default.group"]), dice.one(groups)]);
  if (dice.chance(0.4)) pairs.push([dice.one(["version", "default.version"]), dice.one(versions)]);
  if (dice.chance(0.6)) pairs.push(["methods", dice.one(methods)]);
  if (dice.chance(0.15)) pairs.push(["dubbo.tag", dice.one(tags)]);
  for (const [key, value] of Object.entries(metadata(dice))) pairs.push([key, value]);
  if (dice.chance(0.1)) pairs.push([dice.one(["env", "b", "methods", "dubbo.tag"]), labelValue(dice)]);
  const text = pairs.map(([key, value]) => `${key}=${value}`).join("&");
  return dice.chance(0.95) ? text : text + dice.one(["&", "&x", "&=", "&x==y&y=a+b"]);
}

/** The URL as the name of a node, now and then encoded otherwise than Dubbo does. */
function named(dice: Dice, url: string): string {
  const name = encodeURIComponent(url);
  if (dice.chance(0.95)) return name;
  return dice.one([
    `${name}%zz`,
    `${name}%`,
    name.replaceAll("%20", "+"),
    name.replaceAll("%3A", "%3a"),
    `${name}%26methods%3Da%FF`,
  ]);
}
