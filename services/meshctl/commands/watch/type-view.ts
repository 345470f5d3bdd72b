import { compareCodePoints } from "../../../../shared/istio/mod.ts";
import { showResource } from "../../clients/envelope.ts";
import type { SentResource } from "../../clients/envelope.ts";
import { isSameContent } from "../../output/resource.ts";
import type { Change, ShownResource } from "../../output/resource.ts";
import type { TypeUpdate } from "../../clients/type-update.ts";

/** What an update changed, and what is odd about it. */
export interface AppliedUpdate {
  readonly changes: readonly Change[];
  /** Sentences about what a client would not take as it is, and about what the protocol doesn't allow. */
  readonly problems: readonly string[];
}

/** How many names a sentence has before the rest is only counted. */
const namedResources = 3;

/**
 * What a client holds of one type, by the rules of its dialect. Survives reconnects, so that afterwards only real
 * changes show.
 */
export class TypeView {
  readonly typeUrl: string;
  readonly #known = new Map<string, SentResource>();

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
  }

  /** How many resources it holds. */
  get size(): number {
    return this.#known.size;
  }

  /** The version of each resource by its name: with these a Delta client begins when it connects again. */
  versions(): Record<string, string> {
    return Object.fromEntries(this.#known.values().map(({ name, version }) => [name, version]));
  }

  /** Applies an update. Changes are sorted by name. */
  apply(update: TypeUpdate): AppliedUpdate {
    const problems = [...update.problems];
    const changes: Change[] = [];
    const sent = this.#distinct(update.resources, problems);
    if (!update.isComplete) problems.push(...this.#repeated(sent));
    for (const name of this.#gone(update, sent, problems)) {
      const known = this.#known.get(name);
      this.#known.delete(name);
      if (known === undefined) continue;
      changes.push({ change: "deleted", resource: this.#show(known), origin: { version: known.version } });
    }
    for (const [name, resource] of sent) {
      const change = this.#compare(resource, this.#known.get(name), problems);
      if (change !== undefined) changes.push(change);
      this.#known.set(name, resource);
    }
    changes.sort((a, b) => byName(a.resource, b.resource));
    return { changes, problems };
  }

  #distinct(resources: readonly SentResource[], problems: string[]): Map<string, SentResource> {
    const sent = new Map<string, SentResource>();
    for (const resource of resources) {
      const { name } = resource;
      if (sent.has(name)) problems.push(`${name} comes twice in one response; the later one wins`);
      sent.set(name, resource);
    }
    return sent;
  }

  /** Complaints about what comes again though nothing has changed: only complete updates may repeat. */
  #repeated(sent: ReadonlyMap<string, SentResource>): string[] {
    const again: string[] = [];
    for (const [name, { version, bytes }] of sent) {
      const known = this.#known.get(name);
      if (known?.version === version && Buffer.compare(known.bytes, bytes) === 0) again.push(name);
    }
    if (again.length === 0) return [];
    const rest = again.length > namedResources ? ", …" : "";
    const isEverything = again.length > 1 && this.#known.keys().every((name) => sent.has(name));
    return [
      `${again.length} of ${sent.size} resources were sent again without a change (${
        again.slice(0, namedResources).join(", ")
      }${rest})${
        isEverything ? "; the server seems to send everything each time, as in state of the world" : ""
      }`,
    ];
  }

  /** The names that are gone with an update. */
  #gone(
    { isComplete, removed }: TypeUpdate,
    sent: ReadonlyMap<string, SentResource>,
    problems: string[],
  ): string[] {
    if (isComplete) return this.#known.keys().filter((name) => !sent.has(name)).toArray();
    for (const name of removed) {
      if (sent.has(name)) problems.push(`${name} is sent and removed in one response; the former wins`);
      else if (!this.#known.has(name)) problems.push(`${name} is removed, but was never sent`);
    }
    return removed.filter((name) => !sent.has(name));
  }

  #compare(now: SentResource, before: SentResource | undefined, problems: string[]): Change | undefined {
    const { name, version } = now;
    if (before === undefined) return { change: "added", resource: this.#show(now), origin: { version } };
    const sameVersion = version === before.version;
    if (sameVersion && Buffer.compare(now.bytes, before.bytes) === 0) return undefined;
    const [resource, old] = [this.#show(now), this.#show(before)];
    if (sameVersion && isSameContent(resource, old)) return undefined;
    if (sameVersion && version !== "") {
      problems.push(`${name} has other content under the same version ${version}: istiod ignores it`);
    }
    return { change: "updated", resource, before: old, origin: { version } };
  }

  #show({ bytes }: SentResource): ShownResource {
    return showResource(this.typeUrl, bytes);
  }
}

function byName({ metadata: a }: ShownResource, { metadata: b }: ShownResource): number {
  return compareCodePoints(a.namespace, b.namespace) || compareCodePoints(a.name, b.name);
}
