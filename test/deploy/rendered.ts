import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { useServer } from "../servers/find.ts";

const Manifest = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});
/** An object of Kubernetes, as a renderer prints it. */
export type Manifest = z.infer<typeof Manifest>;

/** What kustomize, as part of kubectl, makes of a folder. */
export async function renderKustomization(folder: string): Promise<string> {
  const args = ["kubectl", "kustomize", folder];
  const { stdout } = await promisify(execFile)(useServer("kube-apiserver"), args, { maxBuffer: 2 ** 26 });
  return stdout;
}

/** The objects of a rendered text. */
export function manifestsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = [...document.errors, ...document.warnings];
    if (error !== undefined) throw new Error(error.message);
    const value: unknown = document.toJS();
    return value === null ? [] : [Manifest.parse(value)];
  });
}
