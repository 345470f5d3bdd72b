import { parse } from "yaml";
import { jsonFault } from "../../../shared/runtime/json-fault.ts";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import type { TreeNode } from "./zookeeper-dump.ts";

/**
 * Reads a dump of a tree, in JSON or YAML: an array of `{path, data}` as `meshctl zk dump` writes it, or slime's nested
 * form `{fullPath, children: {name: node}}`, where the last part of `fullPath` is a node's name. `report` is called
 * with what is no node.
 * @throws MeshError `protocol-violation` if the text is neither.
 */
export function readDump(
  text: string,
  report: (record: { readonly path: string; readonly reason: string }) => void,
): TreeNode[] {
  const value = readText(text);
  const nodes: TreeNode[] = [];
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const path = isRecord(item) ? item["path"] : undefined;
      const data = isRecord(item) ? item["data"] ?? null : null;
      if (typeof path !== "string" || !path.startsWith("/")) {
        report({ path: `[${index}]`, reason: "has no path that begins with a slash" });
      } else if (data !== null && typeof data !== "string") {
        report({ path, reason: "has data that are no text" });
      } else nodes.push({ path, data });
    }
  } else if (isRecord(value) && ("fullPath" in value || "children" in value)) {
    addNested(value, "", nodes, report);
  } else {
    throw new MeshError(
      "protocol-violation",
      "this is no dump of a ZooKeeper tree: neither an array of {path, data} nor {fullPath, children}",
    );
  }
  return nodes;
}

function readText(text: string): unknown {
  if (text.trim() === "") throw new MeshError("protocol-violation", "the dump is empty");
  // YAML's parser reads JSON too, and takes a hundred times as long.
  const isJson = /^\s*[[{]/.test(text);
  try {
    return isJson ? JSON.parse(text) : parse(text, { maxAliasCount: 0 });
  } catch (error) {
    const fault = isJson ? jsonFault(text, error) : errorText(error);
    throw new MeshError("protocol-violation", `the dump is neither JSON nor YAML: ${fault}`, {
      cause: error,
    });
  }
}

/** Only names count: in slime's own data the directories of some paths are those of another interface. */
function addNested(
  root: Readonly<Record<string, unknown>>,
  rootPath: string,
  nodes: TreeNode[],
  report: (record: { readonly path: string; readonly reason: string }) => void,
): void {
  const waiting = [{ node: root, path: rootPath }];
  for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
    const { node, path } = item;
    nodes.push({
      path: path === "" ? "/" : path,
      data: typeof node["data"] === "string" ? node["data"] : null,
    });
    const children = node["children"] ?? {};
    if (!isRecord(children)) {
      report({ path: path === "" ? "/" : path, reason: "has children that are no object" });
      continue;
    }
    for (const [key, child] of Object.entries(children)) {
      if (!isRecord(child)) {
        report({ path: `${path}/${key}`, reason: "is no node" });
        continue;
      }
      const { fullPath } = child;
      const name = typeof fullPath === "string" ? fullPath.slice(fullPath.lastIndexOf("/") + 1) : key;
      waiting.push({ node: child, path: `${path}/${name}` });
    }
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
