import { gunzipSync } from "node:zlib";
import { LineCounter, parseAllDocuments } from "yaml";
import { z } from "zod";
import {
  networkingApiVersion,
  ServiceEntryManifest,
  SidecarManifest,
} from "../../../shared/model/manifest.ts";
import type { Manifest } from "../../../shared/model/manifest.ts";
import { errorText } from "../../../shared/runtime/errors.ts";

/** What a file holds. */
export interface FileContent {
  readonly manifests: readonly Manifest[];
  /** What a user should know, by place (`routes.yaml:7`): kinds that aren't read, unknown keys. */
  readonly remarks: ReadonlyMap<string, string>;
}

/** A file can't be used. The message names the line. */
export class BrokenFile extends Error {
  /** `routes.yaml:7` */
  readonly place: string;

  constructor(place: string, reason: string) {
    super(reason);
    this.name = "BrokenFile";
    this.place = place;
  }
}

/** Unpacked, a file has no more than this, in bytes: a small one may hold a thousand times as much. */
const maxBytes = 64 * 1024 * 1024;

const Head = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({
    name: z.string().min(1),
    namespace: z.string().nullish(),
    labels: z.record(z.string(), z.string()).nullish(),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
});

/**
 * The ServiceEntries and Sidecars in a file of YAML or JSON, of several documents or a List; `.gz` is unpacked. `name` is
 * for messages.
 * @throws BrokenFile if any part of it can't be used: half of a file isn't what its writer meant.
 */
export function readResources(name: string, data: Uint8Array): FileContent {
  const text = Buffer.from(unpacked(name, data)).toString("utf8");
  // Like one that is being written, or whose writer had no space left.
  if (text.trim() === "") {
    throw new BrokenFile(
      `${name}:1`,
      "it is empty; if nothing is meant to be in it, delete it, or write a comment",
    );
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const placeOf = (offset: number) => `${name}:${Math.max(1, lines.linePos(offset).line)}`;
  const manifests: Manifest[] = [];
  const remarks = new Map<string, string>();
  for (const document of documents) {
    const [error] = document.errors;
    if (error !== undefined) throw new BrokenFile(placeOf(error.pos[0]), `no YAML: ${error.message}`);
    const begin = document.contents?.range?.[0] ?? 0;
    let value: unknown;
    try {
      value = document.toJS();
    } catch (cause) {
      throw new BrokenFile(placeOf(begin), `no YAML: ${errorText(cause)}`);
    }
    if (value == null) continue;
    const lineOf = (path: readonly PropertyKey[]) => placeOf(offsetOf(document, path) ?? begin);
    for (const [at, item] of itemsOf(value)) readOne(item, at, lineOf, manifests, remarks);
  }
  return { manifests, remarks };
}

type LineOf = (path: readonly PropertyKey[]) => string;

/** The place of the nearest thing to a path that is in the text. */
function offsetOf(
  document: { getIn(path: Iterable<unknown>, keepScalar: boolean): unknown },
  path: readonly PropertyKey[],
): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (typeof node !== "object" || node === null || !("range" in node)) continue;
    const { range } = node;
    if (Array.isArray(range) && typeof range[0] === "number") return range[0];
  }
  return undefined;
}

/** A document, or the items of a List, each with its path. */
function itemsOf(value: unknown): readonly (readonly [path: readonly PropertyKey[], item: unknown])[] {
  const list = z.object({ kind: z.string().regex(/List$/), items: z.array(z.unknown()) }).safeParse(value);
  return list.success
    ? list.data.items.map((item, index) => [["items", index], item] as const)
    : [[[], value]];
}

function readOne(
  value: unknown,
  at: readonly PropertyKey[],
  lineOf: LineOf,
  manifests: Manifest[],
  remarks: Map<string, string>,
): void {
  const head = checked(Head, value, at, lineOf);
  const { kind, apiVersion, metadata: { name, namespace, labels, annotations } } = head;
  if (!apiVersion.startsWith("networking.istio.io/") || (kind !== "ServiceEntry" && kind !== "Sidecar")) {
    remarks.set(
      lineOf(at),
      `a ${kind} (${apiVersion}) isn't read: only ServiceEntry and Sidecar of networking.istio.io`,
    );
    return;
  }
  const manifest = {
    apiVersion: networkingApiVersion,
    kind,
    metadata: {
      name,
      namespace: namespace ?? "default",
      ...(labels != null && { labels }),
      ...(annotations != null && { annotations }),
    },
    spec: specOf(value),
  };
  const read = kind === "ServiceEntry"
    ? checked(ServiceEntryManifest, manifest, at, lineOf)
    : checked(SidecarManifest, manifest, at, lineOf);
  manifests.push(read);
  for (const path of unknownKeys(manifest.spec, read.spec, ["spec"])) {
    const place = lineOf([...at, ...path]);
    remarks.set(place, `${path.join(".")} of ${kind} ${name} isn't known here: it is left out`);
  }
}

function specOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "spec" in value ? value.spec : {};
}

function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  at: readonly PropertyKey[],
  lineOf: LineOf,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path ?? [];
  throw new BrokenFile(
    lineOf([...at, ...path]),
    `${path.map(String).join(".") || "the document"}: ${issue?.message}`,
  );
}

/** Paths of keys that the schema has left out. */
function* unknownKeys(
  given: unknown,
  read: unknown,
  path: readonly PropertyKey[],
): Iterable<readonly PropertyKey[]> {
  if (typeof given !== "object" || given === null || typeof read !== "object" || read === null) return;
  const known = new Map<string, unknown>(Object.entries(read));
  for (const [key, value] of Object.entries(given)) {
    const step = Array.isArray(given) ? Number(key) : key;
    if (!known.has(key)) yield [...path, step];
    else yield* unknownKeys(value, known.get(key), [...path, step]);
  }
}

function unpacked(name: string, data: Uint8Array): Uint8Array {
  if (data.length > maxBytes) {
    throw new BrokenFile(`${name}:1`, `it has ${data.length} bytes, at most ${maxBytes} are read`);
  }
  if (!name.toLowerCase().endsWith(".gz")) return data;
  try {
    return gunzipSync(data, { maxOutputLength: maxBytes });
  } catch (error) {
    throw new BrokenFile(`${name}:1`, `it can't be unpacked: ${errorText(error)}`);
  }
}
