import type { Mutation } from "./mutations.ts";

const settle = "services/aggregator/conflicts/settle.ts";
const book = "services/aggregator/conflicts/conflict-book.ts";
const amended = "services/aggregator/conflicts/amended.ts";
const parts = "services/aggregator/conflicts/served-parts.ts";
const gains = "services/aggregator/conflicts/gains-first.ts";
const knots = "services/aggregator/conflicts/knots.ts";
const claim = "services/aggregator/conflicts/host-claim.ts";
const names = "services/aggregator/conflicts/part-names.ts";
const patch = "services/aggregator/output-stage/compose/patch-entry.ts";
const regions = "services/aggregator/output-stage/compose/entry-regions.ts";
const joined = "services/aggregator/output-stage/compose/joined-endpoints.ts";
const ports = "services/aggregator/output-stage/compose/united-ports.ts";
const kinds = "services/aggregator/catalogue/kind-cache.ts";
const catalogue = "services/aggregator/catalogue/catalogue.ts";
const lens = "services/aggregator/catalogue/lens.ts";

/** Faults in what decides which of several entries of one host are served: the aggregator's unit tests notice them. */
export const conflictFaults: readonly Mutation[] = [
  {
    what: "an empty entry takes the port away from one with endpoints",
    file: settle,
    find: "for (const peer of [...peers.filter((each) => !isEmpty(each)), ...peers.filter(isEmpty)]) {",
    replace: "for (const peer of peers) {",
  },
  {
    what: "an empty entry is preferred because it comes first",
    file: settle,
    find: "const chosen = peers.find((peer) => !isEmpty(peer)) ?? first;",
    replace: "const chosen = first;",
  },
  {
    what: "an empty entry is hidden from clients that see no other one",
    file: settle,
    find: "    isSeenWherever(audienceOf(each.identity), audienceOf(other.identity));",
    replace: "    true;",
  },
  {
    what: "what is served depends on the order of arrival",
    file: settle,
    find: "    claimants.sort(compare);\n",
    replace: "",
  },
  {
    what: "entries with other protocols on one port are merged",
    file: ports,
    find: "if (known !== undefined && !isSameProtocol(known.protocol, protocol)) {",
    replace: "if (known === undefined && !isSameProtocol(protocol, protocol)) {",
  },
  {
    what: "hosts that differ in case are two",
    file: claim,
    find: "if (only !== undefined && others.length === 0) return [only.toLowerCase()];",
    replace: "if (only !== undefined && others.length === 0) return [only];",
  },
  {
    what: "entries of one host may be of one age",
    file: parts,
    find: "if (time !== createdMs) times.set(part, time);",
    replace: "",
  },
  {
    what: "an endpoint that two sources have is there twice",
    file: joined,
    find: "if (same === undefined) added.push(endpoint);",
    replace: "added.push(endpoint);\n      if (same === undefined) continue;",
  },
  {
    what: "a host that moves is given away before it is taken over",
    file: gains,
    find:
      "return [...fresh.map(alone), ...keeping.map(alone), ...takersFirst(shifts, covered), ...going.map(alone)];",
    replace:
      "return [...going.map(alone), ...takersFirst(shifts, covered), ...keeping.map(alone), ...fresh.map(alone)];",
  },
  {
    what: "a host that is passed on in a chain is given away before it is taken over",
    file: knots,
    find: "if (known === undefined) begin(next.value);",
    replace: "if (known === undefined) continue;",
  },
  {
    what: "hosts that are passed on in a circle are told one after the other",
    file: knots,
    find: "else if (known.isOpen) last.low = Math.min(last.low, known.index);",
    replace: "",
  },
  {
    what: "entries that pass hosts on in a circle are sent in several messages",
    file: catalogue,
    find: "if (circle.length === 1 || size <= maxCircleBytes) add(circle, size);",
    replace: "if (circle.length === 1) add(circle, size);",
  },
  {
    what: "a host that moved while a client was busy is given away before it is taken over",
    file: catalogue,
    find: "if (earlier.size === 0) return parts;",
    replace: "return parts;",
  },
  {
    what: "a host that moved while a client was disconnected is given away before it is taken over",
    file: catalogue,
    find: "() => this.#earlier(kind, changed)",
    replace: "() => new Map()",
  },
  {
    what: "a client is taken to have no hosts of what isn't remembered",
    file: catalogue,
    find: "known.get(version) ?? unknown",
    replace: "known.get(version) ?? []",
  },
  {
    what: "a made name takes the place of an entry's own",
    file: names,
    find: "named.has(name) || isTaken(name)",
    replace: "named.has(name)",
  },
  {
    what: "a group that made a name keeps it when its owner comes",
    file: book,
    find: "for (const group of [known, maker]) if",
    replace: "for (const group of [known]) if",
  },
  {
    what: "a changed endpoint is patched where two sources may have it",
    file: amended,
    find: "!== served.endpoints) return undefined;",
    replace: "=== -1) return undefined;",
  },
  {
    what: "an endpoint of an address that is there is put beside it",
    file: patch,
    find: "if (order === 0 || previous?.equals(each.address) === true) return undefined;",
    replace: "",
  },
  {
    what: "the labels of the first entry are those of before",
    file: regions,
    find: "isSame(a, a.labels, b, b.labels) &&",
    replace: "",
  },
  {
    what: "what changed behind the endpoints is not noticed",
    file: regions,
    find: "    isSame(a, behindEndpoints(a), b, behindEndpoints(b));",
    replace: "    true;",
  },
  {
    what: "a member that was preferred is the one of before",
    file: book,
    find: "sole: { identity: swap(group.sole.identity), contents },",
    replace: "sole: group.sole,",
  },
  {
    what: "views with filters don't hear of changed endpoints",
    file: kinds,
    find: 'for (const { name, before } of lens.regroup(regrouping, cursor ?? "")) {',
    replace: 'for (const { name, before } of isAmended ? [] : lens.regroup(regrouping, cursor ?? "")) {',
  },
  {
    what: "a client of one registry is shown what all have",
    file: lens,
    find: "admitted.length === group.members.length",
    replace: "admitted.length > 0",
  },
];
