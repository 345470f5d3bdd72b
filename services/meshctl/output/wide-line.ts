import { canonical, facetsOf } from "./facets.ts";
import type { Facets, Member } from "./facets.ts";
import { annotationsOf, isSameContent } from "./resource.ts";
import type { Change } from "./resource.ts";

const signs = { added: "+", updated: "~", deleted: "-" } as const;

/** How many hosts, ports or endpoints are named before the rest is only counted. */
const namedHosts = 2;
const namedPorts = 4;
const namedChanges = 4;

/** Cells longer than this don't widen their column. */
const maxWidth = 48;

/**
 * Lines about changes in columns: time, sign, kind, `namespace/name`, hosts, ports, how many endpoints, and what
 * changed: `endpoints 3→4 (+10.0.0.9)`. Columns are as wide as what has been printed so far needs.
 */
export class WideLines {
  readonly #widths: number[] = [];

  /** The lines of changes that came together; `time` is written as given. */
  text(changes: readonly Change[], time: string): string {
    const rows = changes.map((change) => [time, signs[change.change], ...columnsOf(change)]);
    for (const row of rows) {
      for (const [index, cell] of row.entries()) {
        this.#widths[index] = Math.max(this.#widths[index] ?? 0, Math.min(cell.length, maxWidth));
      }
    }
    return rows.map((row) => `${this.#line(row)}\n`).join("");
  }

  #line(row: readonly string[]): string {
    return row.map((cell, index) => cell.padEnd(this.#widths[index] ?? 0)).join("  ").trimEnd();
  }
}

function columnsOf({ change, resource, before }: Change): string[] {
  const { kind, metadata: { namespace, name } } = resource;
  const facets = facetsOf(resource);
  const details = before === undefined ? members(facets, undefined) : [
    ...members(facets, facetsOf(before)),
    ...differences(facets, facetsOf(before)),
    ...metadataDifferences(resource, before),
    ...(isSameContent(resource, before) ? ["same content, new version"] : []),
  ];
  return [
    kind,
    `${namespace}/${name}`,
    few(facets.hosts, namedHosts) || "-",
    few(facets.ports, namedPorts) || "-",
    change === "deleted" ? "gone" : details.join(", "),
  ];
}

/** `endpoints 3→4 (+10.0.0.9)`, or `endpoints 4` if nothing about them changed. */
function members(now: Facets, before: Facets | undefined): string[] {
  if (now.membersName === "") return [];
  const count = now.members.length;
  if (before === undefined) return [`${now.membersName} ${count}`];
  const changes = memberChanges(now.members, before.members);
  const counts = before.members.length === count ? `${count}` : `${before.members.length}→${count}`;
  const what = changes.length === 0 ? "" : ` (${few(changes, namedChanges)})`;
  return [`${now.membersName} ${counts}${what}`];
}

function memberChanges(now: readonly Member[], before: readonly Member[]): string[] {
  const old = new Map(before.map((member) => [member.key, member]));
  const current = new Set(now.map(({ key }) => key));
  return [
    ...now.filter(({ key }) => !old.has(key)).map(({ label }) => `+${label}`),
    ...before.filter(({ key }) => !current.has(key)).map(({ label }) => `-${label}`),
    ...now.filter(({ key, content }) => old.has(key) && old.get(key)?.content !== content)
      .map(({ label }) => `~${label}`),
  ];
}

function differences(now: Facets, before: Facets): string[] {
  const fields = new Set([...Object.keys(before.others), ...Object.keys(now.others)]);
  return [
    ...listDifference("hosts", now.hosts, before.hosts),
    ...listDifference("ports", now.ports, before.ports),
    ...[...fields].flatMap((field) => fieldDifference(field, now.others[field], before.others[field])),
  ];
}

function listDifference(name: string, now: readonly string[], before: readonly string[]): string[] {
  const changes = [
    ...now.filter((item) => !before.includes(item)).map((item) => `+${item}`),
    ...before.filter((item) => !now.includes(item)).map((item) => `-${item}`),
  ];
  return changes.length === 0 ? [] : [`${name} (${few(changes, namedChanges)})`];
}

function fieldDifference(name: string, now: unknown, before: unknown): string[] {
  const [a, b] = [canonical(before), canonical(now)];
  if (a === b) return [];
  const short = a.length + b.length < 60;
  return [short ? `${name} (${bare(a)}→${bare(b)})` : `${name} (changed)`];
}

/** Without the quotes of a JSON text; `unset` for nothing. */
function bare(json: string): string {
  return json === "" ? "unset" : json.replaceAll('"', "");
}

function metadataDifferences(now: Change["resource"], before: Change["resource"]): string[] {
  return [
    ...mapDifference("labels", now.metadata.labels ?? {}, before.metadata.labels ?? {}),
    ...mapDifference("annotations", annotationsOf(now), annotationsOf(before)),
  ];
}

function mapDifference(
  name: string,
  now: Readonly<Record<string, string>>,
  before: Readonly<Record<string, string>>,
): string[] {
  return listDifference(name, pairs(now), pairs(before));
}

function pairs(map: Readonly<Record<string, string>>): string[] {
  return Object.entries(map).map(([key, value]) => `${key}=${value}`);
}

/** The first few, and how many more there are. */
function few(items: readonly string[], limit: number): string {
  const rest = items.length - limit;
  return rest > 0 ? `${items.slice(0, limit).join(",")},+${rest} more` : items.join(",");
}
