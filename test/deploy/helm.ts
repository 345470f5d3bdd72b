import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { useServer } from "../servers/find.ts";
import { namespace } from "./namespace.ts";
import { root } from "./read-manifests.ts";

/** The chart's folder. */
export const chart = join(root, "deploy/helm/meshregistry");

/** Runs helm; returns its output. @throws Error with its message if it fails */
export async function helm(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(useServer("helm"), args, { maxBuffer: 2 ** 26 });
  return stdout;
}

/** What the chart makes of values, as `helm template` has it. @throws Error with helm's message if it refuses them */
export async function renderChart(...args: readonly string[]): Promise<string> {
  return await helm("template", "meshregistry", chart, "--namespace", namespace, ...args);
}
