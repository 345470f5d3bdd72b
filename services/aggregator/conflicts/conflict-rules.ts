import type { Config } from "../../../shared/config/mod.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";

/** What is done with several entries of one host, see `docs/conflicts.md`. */
export type ConflictMode = "merge" | "prefer" | "separate";

/** Another rule for some hosts. */
export interface HostRule {
  /** A host, or one with `*` as its first or last character. */
  readonly pattern: string;
  readonly mode?: ConflictMode | undefined;
  /** Sources by precedence; empty: as elsewhere. */
  readonly order: readonly string[];
}

export interface ConflictRulesOptions {
  readonly mode: ConflictMode;
  /** Sources by precedence, `registry` or `registry/source`. Those that aren't named follow by subject. */
  readonly order: readonly string[];
  /** The first that matches a host counts. */
  readonly hosts: readonly HostRule[];
  /** Whether entries without endpoints are left out while another one of their host has some, also in `separate`. */
  readonly hidesEmpty: boolean;
}

type Compare = (a: CachedResource, b: CachedResource) => number;

interface KnownRule {
  readonly matches: (host: string) => boolean;
  readonly mode: ConflictMode;
  readonly compare: Compare;
}

/** The rules by which conflicts are decided: pure, the same on every replica. */
export class ConflictRules {
  /** All that a configuration says by default. */
  static readonly standard = new ConflictRules({ mode: "merge", order: [], hosts: [], hidesEmpty: true });

  readonly hidesEmpty: boolean;
  /** The order of sources where no host is in question; never 0 for two subjects. */
  readonly compare: Compare;
  readonly #mode: ConflictMode;
  readonly #hosts: readonly KnownRule[];

  constructor({ mode, order, hosts, hidesEmpty }: ConflictRulesOptions) {
    this.hidesEmpty = hidesEmpty;
    this.#mode = mode;
    this.compare = compareBy(order);
    this.#hosts = hosts.map((rule) => ({
      matches: matcherOf(rule.pattern),
      mode: rule.mode ?? mode,
      compare: rule.order.length === 0 ? this.compare : compareBy([...rule.order, ...order]),
    }));
  }

  /** The rule for a host in lower case. */
  of(host: string): { readonly mode: ConflictMode; readonly compare: Compare } {
    return this.#hosts.find(({ matches }) => matches(host)) ?? { mode: this.#mode, compare: this.compare };
  }
}

/** The rules that a configuration wants. Slime's entries stay as they are, also those without endpoints. */
export function conflictRulesOf({ conflicts, profile }: Config): ConflictRules {
  const hidesEmpty = profile === "istio" || conflicts.mode !== "separate";
  return new ConflictRules({ ...conflicts, hidesEmpty });
}

/** By the place of the source, then of its registry, in the order; then by subject. */
function compareBy(order: readonly string[]): Compare {
  const places = new Map<string, number>();
  for (const name of order) if (!places.has(name)) places.set(name, places.size);
  // Subjects are ASCII: all else is encoded.
  const bySubject: Compare = ({ subject: a }, { subject: b }) => a === b ? 0 : a < b ? -1 : 1;
  if (places.size === 0) return bySubject;
  const placeOf = ({ registry, source }: CachedResource) =>
    places.get(`${registry}/${source}`) ?? places.get(registry) ?? places.size;
  return (a, b) => placeOf(a) - placeOf(b) || bySubject(a, b);
}

function matcherOf(pattern: string): (host: string) => boolean {
  const text = pattern.toLowerCase();
  if (text.startsWith("*")) return (host) => host.endsWith(text.slice(1));
  if (text.endsWith("*")) return (host) => host.startsWith(text.slice(0, -1));
  return (host) => host === text;
}
