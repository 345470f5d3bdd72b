import { readFileSync } from "node:fs";
import { loadConfig } from "../../config/mod.ts";
import type { DefinitionAccess } from "./metadata-definitions.ts";
import { zookeeperRules } from "../conversion/dubbo-rules.ts";
import type { DubboRules } from "../conversion/dubbo-rules.ts";

/** The rules of the `istio` profile, with some options of the source. */
export function rulesOf(zookeeperSource: object = {}): DubboRules {
  const { config, environment } = loadConfig(JSON.stringify({ zookeeperSource }), {
    env: {},
    fileName: "test",
  });
  return zookeeperRules(config.zookeeperSource, "istio", environment);
}

/** A node of a recorded tree; see `test/data/zookeeper-applications/README.md`. */
export interface RecordedNode {
  readonly path: string;
  readonly data: string | null;
}

/** A tree that real applications left. */
export function recordedTree(name: string): RecordedNode[] {
  const file = new URL(`../../../test/data/zookeeper-applications/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8"));
}

/** Reads a recorded tree as a ZooKeeper client does. */
export function treeAccess(nodes: readonly RecordedNode[]): DefinitionAccess {
  const byPath = new Map(nodes.map(({ path, data }) => [path, Buffer.from(data ?? "")]));
  return {
    readNode: async (path) => byPath.get(path),
    listChildren: async (path) => {
      if (!byPath.has(path)) return undefined;
      const prefix = `${path}/`;
      return [...byPath.keys()].filter((other) =>
        other.startsWith(prefix) && !other.slice(prefix.length).includes("/")
      )
        .map((child) => child.slice(prefix.length));
    },
  };
}

/** What a real application answered when asked for what it offers. */
export interface RecordedAnswer {
  readonly path: string;
  /** Content of the instance's node. */
  readonly node: string;
  /** Dubbo: the frame; Triple: the message. */
  readonly answer: Buffer;
}

/** By application: `all-app`, `pub-app`, `old-dub` (Dubbo protocol), `old-tri`, `tri-app` (Triple). */
export function recordedAnswer(application: string): RecordedAnswer {
  const file = new URL("../../../test/data/zookeeper-applications/metadata-answers.json", import.meta.url);
  const all: Record<string, { path: string; node: string; answer: string }> = JSON.parse(
    readFileSync(file, "utf8"),
  );
  const recorded = all[application];
  if (recorded === undefined) throw new RangeError(`no answer of ${application} was recorded`);
  return { ...recorded, answer: Buffer.from(recorded.answer, "base64") };
}
