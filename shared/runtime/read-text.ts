import { open } from "node:fs/promises";
import { errorText, MeshError } from "./errors.ts";

/**
 * Reads a file of text, of at most `maxBytes`.
 * @throws MeshError `configuration` that says in a clause why it can't be read: `there is no such file; check the path`.
 */
export async function readTextFile(path: string, maxBytes: number): Promise<string> {
  const bytes = await readBytes(path, maxBytes);
  const text = decodeText(bytes);
  if (text === undefined) throw new MeshError("configuration", "it isn't text (UTF-8); name a text file");
  return text;
}

/** Text of UTF-8, without a byte order mark; undefined if the bytes are no text: not UTF-8, or with control characters. */
export function decodeText(bytes: Uint8Array): string | undefined {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
  // oxlint-disable-next-line no-control-regex -- they are what tells data from text
  return /[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]/.test(text) ? undefined : text;
}

async function readBytes(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    await using file = await open(path);
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of file.createReadStream({ end: maxBytes, autoClose: false })) {
      if (!Buffer.isBuffer(chunk)) continue;
      chunks.push(chunk);
      size += chunk.length;
    }
    if (size > maxBytes) {
      throw new MeshError(
        "configuration",
        `it has more than ${maxBytes / 1024 ** 2} MiB; is it the right file?`,
      );
    }
    return Buffer.concat(chunks);
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    throw new MeshError("configuration", reasons.get(code) ?? errorText(cause), { cause });
  }
}

const reasons: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file; check the path"],
  ["EISDIR", "it is a folder; name the file in it"],
  ["EACCES", "this user may not read it; change its permissions"],
]);
