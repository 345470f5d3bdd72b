import { randomUUID } from "node:crypto";
import { apiVersionOf, isClusterScoped, kinds } from "./objects.ts";
import type { KindName, Metadata, ObjectKinds } from "./objects.ts";

/** An object as it is stored and sent. Never changed in place. */
export interface StoredObject {
  readonly kind: KindName;
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** Of the change that made it so. */
  readonly revision: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly json: Readonly<Record<string, unknown>>;
}

/** One change. `before`: undefined if the object was created; `after`: undefined if it was deleted. */
export interface ObjectChange {
  readonly revision: number;
  readonly before: StoredObject | undefined;
  readonly after: StoredObject | undefined;
}

/** Changes kept for watches that resume, unless compacted before. */
const longestHistory = 100_000;

/** What etcd is to an API server: objects, one revision for all of them, and the changes since the last compaction. */
export class ObjectHistory {
  readonly #objects = new Map<KindName, Map<string, StoredObject>>();
  #changes: ObjectChange[] = [];
  /** A real server has written its own objects before anybody comes: versions before that are gone. */
  #revision = 100;
  /** The oldest revision from which all changes are there. */
  #compacted = 100;
  /** Called for each change. */
  onChange: ((change: ObjectChange) => void) | undefined;

  /** The revision of the last change. */
  get revision(): number {
    return this.#revision;
  }

  /** Creates or replaces an object; returns its new `resourceVersion`. @throws TypeError for a wrong namespace */
  set<Kind extends KindName>(kind: Kind, object: ObjectKinds[Kind]): string {
    const { metadata, ...content } = object;
    const key = keyOf(kind, metadata);
    const before = this.get(kind, key);
    const revision = ++this.#revision;
    const uid = before?.uid ?? randomUUID();
    const creationTimestamp = metadata.creationTimestamp ?? creationOf(before) ?? now();
    const after: StoredObject = {
      kind,
      key,
      name: metadata.name,
      namespace: metadata.namespace ?? "",
      uid,
      revision,
      labels: metadata.labels ?? {},
      json: {
        apiVersion: apiVersionOf(kind),
        kind: kinds[kind],
        metadata: { ...metadata, uid, resourceVersion: String(revision), creationTimestamp },
        ...content,
      },
    };
    this.#of(kind).set(key, after);
    this.#record({ revision, before, after });
    return String(revision);
  }

  /** Deletes an object; false if there is none. */
  delete(kind: KindName, metadata: Pick<Metadata, "name" | "namespace">): boolean {
    const key = keyOf(kind, metadata);
    const before = this.get(kind, key);
    if (before === undefined) return false;
    this.#of(kind).delete(key);
    this.#record({ revision: ++this.#revision, before, after: undefined });
    return true;
  }

  /** An object by `<namespace>/<name>`. */
  get(kind: KindName, key: string): StoredObject | undefined {
    return this.#of(kind).get(key);
  }

  /** All objects of a kind, by their keys' order, as a real server lists them. */
  all(kind: KindName): StoredObject[] {
    return [...this.#of(kind).values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  count(kind: KindName): number {
    return this.#of(kind).size;
  }

  /** Changes after a revision; undefined if they have been compacted. */
  since(revision: number): readonly ObjectChange[] | undefined {
    if (revision < this.#compacted) return undefined;
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#changes.slice(low);
  }

  /** Forgets all changes so far: versions before this moment are gone. */
  compact(): void {
    // A version that is handed out after this is the first that a watch may begin with.
    this.#compacted = ++this.#revision;
    this.#changes = [];
  }

  /** As after a restore of etcd from an older backup: clients know versions that don't exist yet. */
  rewind(revision: number): void {
    this.#revision = revision;
    this.#compacted = revision;
    this.#changes = [];
  }

  #record(change: ObjectChange): void {
    this.#changes.push(change);
    if (this.#changes.length > longestHistory * 1.1) {
      const dropped = this.#changes.splice(0, this.#changes.length - longestHistory);
      this.#compacted = dropped.at(-1)?.revision ?? this.#compacted;
    }
    this.onChange?.(change);
  }

  #of(kind: KindName): Map<string, StoredObject> {
    let objects = this.#objects.get(kind);
    if (objects === undefined) this.#objects.set(kind, objects = new Map());
    return objects;
  }
}

function keyOf(kind: KindName, { name, namespace = "" }: Pick<Metadata, "name" | "namespace">): string {
  if (isClusterScoped(kind) !== (namespace === "")) {
    throw new TypeError(`${kinds[kind]} ${name}: ${namespace === "" ? "has no" : "can't have a"} namespace`);
  }
  return `${namespace}/${name}`;
}

function creationOf(object: StoredObject | undefined): unknown {
  const metadata = object?.json["metadata"];
  return typeof metadata === "object" && metadata !== null && "creationTimestamp" in metadata
    ? metadata.creationTimestamp
    : undefined;
}

/** Seconds, as the API has them. */
function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}
