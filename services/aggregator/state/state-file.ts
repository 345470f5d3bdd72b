import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { z } from "zod";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import { claimOf } from "../virtual-addresses/claim.ts";
import type { Claim } from "../virtual-addresses/claim.ts";

/**
 * The file that an aggregator's state is kept in:
 *
 * - one line of JSON: {@link StateHeader};
 * - records, each the length of its JSON (4 bytes, big endian), the JSON, the length of its body, the body. An entry's
 *   body is its encoded resource; a claim to a virtual address has none;
 * - the SHA-256 of all before, 32 bytes.
 *
 * It is written beside its place and renamed, so a reader sees an old or a new one and nothing between.
 */

const format = "meshregistry-state";
const version = 2;
const checksumBytes = 32;

/** Longer than any header: markers are a few dozen ids. */
const longestHeader = 4 * 1024 * 1024;

/** About so much is put together and hashed at a time (1 ms), so that others get their turn between. */
const chunkBytes = 512 * 1024;

const HeaderLine = z.object({
  format: z.literal(format),
  /** Version 1 knew no doubts, and was written only while there were none. */
  version: z.literal([1, version]),
  /** The name of the stream that the entries came from. */
  stream: z.string(),
  streamId: z.string().min(1),
  sequence: z.number().int().nonnegative(),
  writtenAt: z.iso.datetime(),
  markers: z.array(z.string()),
  doubts: z.number().int().nonnegative().default(0),
});

/** Which state it is. */
export interface StateHeader {
  /** The name of the stream that the entries came from. A state of another stream is not taken. */
  readonly stream: string;
  /** Which stream it was, and how far it had been read: see `LogIdentity`. */
  readonly streamId: string;
  readonly sequence: number;
  /** RFC 3339. */
  readonly writtenAt: string;
  /** Ids of the sync markers that had been seen. */
  readonly markers: readonly string[];
  /** How many entries were in doubt: the stream had not shown them. */
  readonly doubts: number;
}

/** Why an entry was in doubt: since when (RFC 3339) it was held, or `null` while its source had not been read anew. */
export interface StateDoubt {
  readonly heldSince: string | null;
}

/** A resource as it was served. */
export interface StateEntry {
  readonly subject: string;
  readonly cursor: string;
  /** Whether its addresses are virtual ones. */
  readonly virtual: boolean;
  /** Set if the stream had not shown the entry. */
  readonly doubt?: StateDoubt | undefined;
  readonly framed: Uint8Array;
}

/** All that an aggregator needs to serve what it served before. */
export interface AggregatorState extends StateHeader {
  readonly entries: Iterable<StateEntry>;
  /** Who has which virtual address. */
  readonly claims: Iterable<readonly [address: string, claim: Claim]>;
}

/** Writes the state. @throws Error of the file system; the file is then what it was. */
export async function writeStateFile(path: string, state: AggregatorState): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, "w", 0o600);
    try {
      await writeChunks(file, state);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeChunks(file: FileHandle, state: AggregatorState): Promise<void> {
  const hash = createHash("sha256");
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  const flush = async () => {
    const chunk = Buffer.concat(pieces);
    pieces = [];
    bytes = 0;
    hash.update(chunk);
    await file.writeFile(chunk);
  };
  for (const piece of piecesOf(state)) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= chunkBytes) await flush();
  }
  await flush();
  await file.writeFile(hash.digest());
}

function* piecesOf({ entries, claims, ...header }: AggregatorState): Generator<Uint8Array> {
  yield Buffer.from(`${JSON.stringify({ format, version, ...header })}\n`);
  // Claims come first: an entry is served with its address only.
  for (const claim of claims) yield* record({ claim }, new Uint8Array());
  for (const { framed, ...entry } of entries) yield* record({ entry }, framed);
}

function* record(meta: object, body: Uint8Array): Generator<Uint8Array> {
  const text = Buffer.from(JSON.stringify(meta));
  yield lengthBytes(text.length);
  yield text;
  yield lengthBytes(body.length);
  yield body;
}

function lengthBytes(length: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

/**
 * Reads only which state it is; undefined if there is no file.
 * @throws MeshError `invalid-record` if it is no state file of this version.
 */
export async function readStateHeader(path: string): Promise<StateHeader | undefined> {
  const file = await open(path, "r").catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw refused(path, errorText(error));
  });
  if (file === undefined) return undefined;
  try {
    let text = Buffer.alloc(0);
    while (!text.includes("\n")) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, text.length);
      if (bytesRead === 0 || text.length > longestHeader) throw refused(path, "it has no header");
      text = Buffer.concat([text, buffer.subarray(0, bytesRead)]);
    }
    return parseHeader(path, text);
  } finally {
    await file.close();
  }
}

/**
 * Reads the whole state; undefined if there is no file.
 * @throws MeshError `invalid-record` if it is damaged, or no state file of this version.
 */
export async function readStateFile(path: string): Promise<AggregatorState | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw refused(path, errorText(error));
  }
  const header = parseHeader(path, bytes);
  const content = bytes.subarray(0, Math.max(0, bytes.length - checksumBytes));
  const hash = createHash("sha256");
  for (let start = 0; start < content.length; start += chunkBytes) {
    hash.update(content.subarray(start, start + chunkBytes));
    await nextTurn();
  }
  if (!hash.digest().equals(bytes.subarray(content.length))) throw refused(path, "its checksum is wrong");
  const records = content.subarray(content.indexOf("\n") + 1);
  // Read when they are used, one by one: decoded all at once they would hold up everything else.
  return {
    ...header,
    claims: {
      *[Symbol.iterator]() {
        for (const { meta } of recordsOf(records)) {
          const claim = claimIn(meta);
          if (claim === undefined) return;
          yield claim;
        }
      },
    },
    entries: {
      *[Symbol.iterator]() {
        for (const { meta, body } of recordsOf(records)) {
          const entry = entryIn(meta);
          if (entry !== undefined) yield { ...entry, framed: body };
        }
      },
    },
  };
}

function parseHeader(path: string, bytes: Buffer): StateHeader {
  const end = bytes.indexOf("\n");
  let json: unknown;
  try {
    json = JSON.parse(bytes.subarray(0, end).toString("utf8"));
  } catch {
    throw refused(path, "it is not a state file");
  }
  const parsed = HeaderLine.safeParse(json);
  if (!parsed.success) {
    throw refused(path, `it is not a state file of version ${version}: ${z.prettifyError(parsed.error)}`);
  }
  const { format: _format, version: _version, ...header } = parsed.data;
  return header;
}

function* recordsOf(bytes: Buffer): Generator<{ readonly meta: unknown; readonly body: Uint8Array }> {
  let offset = 0;
  const next = () => {
    const length = bytes.readUInt32BE(offset);
    offset += 4 + length;
    return bytes.subarray(offset - length, offset);
  };
  while (offset < bytes.length) {
    const meta: unknown = JSON.parse(next().toString("utf8"));
    yield { meta, body: next() };
  }
}

const EntryMeta = z.object({
  entry: z.object({
    subject: z.string(),
    cursor: z.string(),
    virtual: z.boolean(),
    doubt: z.object({ heldSince: z.iso.datetime().nullable() }).optional(),
  }),
});

function entryIn(meta: unknown): Omit<StateEntry, "framed"> | undefined {
  return EntryMeta.safeParse(meta).data?.entry;
}

function claimIn(meta: unknown): readonly [string, Claim] | undefined {
  if (typeof meta !== "object" || meta === null || !("claim" in meta) || !Array.isArray(meta.claim)) {
    return undefined;
  }
  const [address, value]: unknown[] = meta.claim;
  const claim = claimOf(value);
  return typeof address === "string" && claim !== undefined ? [address, claim] : undefined;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function refused(path: string, why: string): MeshError {
  return new MeshError("invalid-record", `Not using the state in ${path}: ${why}`);
}
