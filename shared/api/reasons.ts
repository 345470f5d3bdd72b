/**
 * Why a service, or an instance of one, is or isn't in the mesh: one code for each verdict of each stage. Codes are
 * for scripts and for searches, so they never change their meaning; `docs/reasons.md` has a paragraph on each.
 */

/** How a verdict counts: the worst of all stages is the answer. */
export type Verdict = "ok" | "note" | "problem" | "unknown";

interface Reason {
  readonly verdict: Verdict;
  /** The heading in `docs/reasons.md`. */
  readonly title: string;
}

function table<const Code extends string>(
  reasons: Readonly<Record<Code, Reason>>,
): Readonly<Record<Code, Reason>> {
  return reasons;
}

/** All reasons by code. The second and third characters of the number name the stage. */
export const reasons = table({
  MR1101: { verdict: "ok", title: "The registry has it" },
  MR1102: { verdict: "problem", title: "The registry doesn't have it" },
  MR1103: { verdict: "problem", title: "The registry can't be read" },
  MR1104: { verdict: "unknown", title: "The collector doesn't answer" },
  MR1105: { verdict: "unknown", title: "No collector of the source is alive" },
  MR1106: { verdict: "unknown", title: "The registry isn't read completely yet" },
  MR1201: { verdict: "ok", title: "The record is selected" },
  MR1202: { verdict: "problem", title: "The record can't be used" },
  MR1203: { verdict: "problem", title: "The record is left out by selection or filters" },
  MR1301: { verdict: "ok", title: "It has a name, a namespace and a host" },
  MR1401: { verdict: "ok", title: "It is converted" },
  MR1402: { verdict: "problem", title: "The service has no entry" },
  MR1501: { verdict: "ok", title: "The entry keeps Istio's rules" },
  MR1502: { verdict: "problem", title: "The entry breaks a rule of Istio or Envoy" },
  MR1601: { verdict: "ok", title: "The entry is published" },
  MR1602: { verdict: "note", title: "The guard holds a loss back" },
  MR1603: { verdict: "problem", title: "The entry isn't published yet" },
  MR1604: { verdict: "problem", title: "The entry log refuses the entry" },
  MR1605: { verdict: "note", title: "Another replica publishes it" },
  MR2001: { verdict: "ok", title: "The entry is on the stream" },
  MR2002: { verdict: "problem", title: "No source has published it" },
  MR2003: { verdict: "unknown", title: "The entry log can't be reached" },
  MR2004: { verdict: "unknown", title: "The entry log isn't read to its end yet" },
  MR2005: { verdict: "problem", title: "The service is published without this instance" },
  MR2006: { verdict: "problem", title: "The entry has no endpoints" },
  MR2101: { verdict: "ok", title: "The message is served as it is" },
  MR2102: { verdict: "problem", title: "The message isn't served as it is" },
  MR2103: { verdict: "note", title: "The last good version is served" },
  MR2104: { verdict: "note", title: "The service is served although it breaks a rule" },
  MR2201: { verdict: "ok", title: "The entry is certain" },
  MR2202: { verdict: "note", title: "The entry log hasn't shown the entry again" },
  MR2203: { verdict: "note", title: "The aggregator holds a loss back" },
  MR2301: { verdict: "ok", title: "No other source claims its host" },
  MR2302: { verdict: "ok", title: "It is served together with other sources' entries" },
  MR2303: { verdict: "problem", title: "It can't be merged with another source's entry" },
  MR2304: { verdict: "problem", title: "Another source is preferred" },
  MR2305: { verdict: "note", title: "Clients get an entry for each source" },
  MR2401: { verdict: "ok", title: "It needs no virtual address" },
  MR2402: { verdict: "ok", title: "It has a virtual address" },
  MR2403: { verdict: "problem", title: "It waits for a virtual address" },
  MR2404: { verdict: "problem", title: "The range of virtual addresses is full" },
  MR2501: { verdict: "problem", title: "No client is connected" },
  MR2502: { verdict: "ok", title: "The client was sent it" },
  MR2503: { verdict: "note", title: "The client's view leaves it out" },
  MR2504: { verdict: "problem", title: "Clients aren't served yet" },
  MR2505: { verdict: "note", title: "The client wasn't sent it yet" },
  MR2506: { verdict: "problem", title: "The client has asked for no ServiceEntry" },
  MR2601: { verdict: "ok", title: "The client has acknowledged it" },
  MR2602: { verdict: "problem", title: "The client refuses it" },
  MR2603: { verdict: "note", title: "The client hasn't acknowledged it yet" },
  MR2604: { verdict: "unknown", title: "The client polls" },
  MR2701: { verdict: "ok", title: "istiod has it" },
  MR2702: { verdict: "note", title: "istiod has another version of it" },
  MR2703: { verdict: "problem", title: "istiod doesn't have it" },
  MR2704: { verdict: "unknown", title: "istiod doesn't say what it has" },
  MR3001: { verdict: "problem", title: "The installation can't reach its entry log" },
  MR3002: { verdict: "problem", title: "The aggregator waits for sources" },
  MR3003: { verdict: "note", title: "The state on disk is served" },
  MR3004: { verdict: "note", title: "A source has a remark" },
  MR3005: { verdict: "note", title: "A setting of the stream costs something" },
});

/** A reason's code. */
export type ReasonCode = keyof typeof reasons;

/** Where the paragraph on a reason is, below the documentation. */
export function reasonLink(code: ReasonCode): string {
  const heading = `${code}: ${reasons[code].title}`;
  return `docs/reasons.md#${heading.toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-")}`;
}

const severity: Readonly<Record<Verdict, number>> = { ok: 0, note: 1, unknown: 2, problem: 3 };

/** The worst of some verdicts; `ok` of none. */
export function worstOf(verdicts: Iterable<Verdict>): Verdict {
  let worst: Verdict = "ok";
  for (const verdict of verdicts) if (severity[verdict] > severity[worst]) worst = verdict;
  return worst;
}
