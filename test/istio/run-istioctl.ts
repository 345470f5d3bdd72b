import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Manifest } from "../../shared/model/manifest.ts";

/** What `istioctl validate` said about one manifest; both false means that it had nothing to say. */
export interface IstioctlVerdict {
  readonly invalid: boolean;
  readonly warned: boolean;
  /** The lines of its output about this manifest. */
  readonly text: string;
}

function run(binary: string, file: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(binary, ["validate", "-f", file], { maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      // Exit code 1 is the answer «invalid»; anything else is a failure of the tool.
      if (error !== null && error.code !== 1) reject(error);
      else resolve(`${stdout}${stderr}`);
    });
  });
}

/** JSON that is also YAML: characters that YAML forbids, or that only a pair of JSON escapes can name, are escaped. */
function toYaml(value: unknown): string {
  const hex = (character: string): string => (character.codePointAt(0) ?? 0).toString(16).padStart(8, "0");
  return JSON.stringify(value).replaceAll(/[^\x20-\x7e]/gu, (character) => `\\U${hex(character)}`);
}

/**
 * Asks the real istioctl about manifests, all in one run: each gets a name of its own, by which its lines in the
 * output are found. The answers are in the order of the manifests.
 */
export async function askIstioctl(
  binary: string,
  manifests: readonly Manifest[],
): Promise<readonly IstioctlVerdict[]> {
  const folder = await mkdtemp(join(tmpdir(), "istioctl-"));
  try {
    const file = join(folder, "manifests.yaml");
    const documents = manifests.map((manifest, index) =>
      toYaml({ ...manifest, metadata: { ...manifest.metadata, name: `m${index}` } })
    );
    await writeFile(file, documents.join("\n---\n"));
    const output = await run(binary, file);
    // It reads no further than the first document that it can't decode, and would have nothing against the others.
    if (output.includes("failed to decode file")) {
      throw new Error(`istioctl can't read its input: ${output.slice(-500)}`);
    }
    return sortOut(output, manifests);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Errors come in a list headed by `Error:`, warnings in one headed by the file's name and `has warnings:`. */
function sortOut(output: string, manifests: readonly Manifest[]): IstioctlVerdict[] {
  const lines = manifests.map((): string[] => []);
  const invalid = new Set<number>();
  const warned = new Set<number>();
  let section = warned;
  for (const line of output.split("\n")) {
    if (/^(?:Error:|\d+ errors? occurred)/.test(line)) section = invalid;
    else if (line.includes("has warnings:")) section = warned;
    const index = Number(
      /^\s*(?:\* |Error: )?(?:ServiceEntry|Sidecar)\/[^/]*\/m(\d+):/.exec(line)?.[1] ?? Number.NaN,
    );
    if (Number.isNaN(index)) continue;
    section.add(index);
    lines[index]?.push(line.trim());
  }
  return manifests.map((_, index) => ({
    invalid: invalid.has(index),
    warned: warned.has(index),
    text: lines[index]?.join("\n") ?? "",
  }));
}
