import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorText } from "../../../shared/runtime/errors.ts";

/** A file with resources, as it lies there. */
export interface FoundFile {
  /** From the folder on, with `/`. */
  readonly name: string;
  readonly path: string;
  /** Another one if the file may have another content: also if a link on the way to it leads elsewhere. */
  readonly mark: string;
  /** Why it can't be looked at; undefined: it can. Its neighbours can be read all the same. */
  readonly fault: string | undefined;
}

const endings = /\.(?:ya?ml|gz)$/i;

/**
 * The files with resources in a folder and those below it, by name; or the one file that `path` is. Names that begin with a
 * dot are passed over: in a mounted ConfigMap these are the folders to which its links lead, by which each file would be
 * there three times.
 * @throws Error if the folder, or one in it, can't be read.
 */
export async function findFiles(path: string): Promise<readonly FoundFile[]> {
  const found: FoundFile[] = [];
  if (!(await stat(path)).isDirectory()) return [await look(path, path.split("/").at(-1) ?? path)];
  const folders = [""];
  // A link may lead back to where it is found.
  const seen = new Set<string>();
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    const real = await realpath(join(path, folder));
    if (seen.has(real)) continue;
    seen.add(real);
    for (const entry of (await readdir(join(path, folder))).sort()) {
      if (entry.startsWith(".")) continue;
      const name = folder === "" ? entry : `${folder}/${entry}`;
      if (await isDirectory(join(path, name))) folders.push(name);
      else if (endings.test(entry)) found.push(await look(join(path, name), name));
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A link that leads nowhere is none. */
async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

async function look(path: string, name: string): Promise<FoundFile> {
  try {
    const { size, mtimeMs, ino } = await stat(path);
    const mark = `${await realpath(path)} ${ino} ${size} ${mtimeMs}`;
    return { name, path, mark, fault: undefined };
  } catch (error) {
    const fault = errorText(error);
    return { name, path, mark: fault, fault };
  }
}

/** True if nothing has changed between two looks at a folder. */
export function isSame(a: readonly FoundFile[], b: readonly FoundFile[]): boolean {
  return a.length === b.length &&
    a.every(({ name, mark }, index) => name === b[index]?.name && mark === b[index]?.mark);
}

/** The content of a file; one that ends in `.gz` is unpacked by the caller. @throws Error if it can't be read */
export async function readFound({ path, fault }: FoundFile): Promise<Uint8Array> {
  if (fault !== undefined) throw new Error(fault);
  return await readFile(path);
}
