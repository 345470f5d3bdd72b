/** A deliberate fault in one place. */
export interface Mutation {
  /** What it breaks. */
  readonly what: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

const plan = "shared/collector/publish-plan.ts";
const publisher = "shared/collector/source-publisher.ts";
const state = "shared/collector/published-state.ts";
const knownEntry = "shared/collector/known-entry.ts";
const guard = "shared/collector/shrink-guard.ts";
const membership = "shared/collector/membership.ts";
const frame = "shared/collector/source-collector.ts";
const loop = "shared/collector/publish-loop.ts";
const comparison = "shared/collector/comparison.ts";
const snapshot = "shared/collector/registry-snapshot.ts";
const progress = "shared/collector/term-progress.ts";
const parts = "shared/collector/source-parts.ts";
const sidecars = "shared/collector/sidecar-publisher.ts";
const follower = "shared/collector/stream-follower.ts";
const sender = "shared/collector/change-sender.ts";
const workShare = "shared/collector/work-share.ts";
const eureka = "services/eureka-collector/view/eureka-view.ts";
const zookeeper = "services/zk-collector/view/zookeeper-view.ts";

/** Faults in what protects the mesh: the unit tests of the collectors have to notice each of them. */
export const collectorFaults: readonly Mutation[] = [
  {
    what: "losses that come a few at a time are let go",
    file: guard,
    find: "if (isMassLoss || isTooMuch(limits, loss)) {",
    replace: "if (isTooMuch(limits, loss)) {",
  },
  {
    what: "housekeeping goes on while the registry can't be read",
    file: plan,
    find: "if (facts.isReachable && (facts.keepsEmpty",
    replace: "if ((facts.keepsEmpty",
  },
  {
    what: "half of a reading is compared",
    file: plan,
    find: "if (!facts.isReading) return this.#compare(nowMs);",
    replace: "return this.#compare(nowMs);",
  },
  {
    what: "losses are believed while everything is being read",
    file: plan,
    find: "const takesLosses = !facts.isReading && !isMassLoss;",
    replace: "const takesLosses = !isMassLoss;",
  },
  {
    what: "a mass loss that comes one by one is believed",
    file: plan,
    find: "return this.#losses.exceeds(endpoints, nowMs);",
    replace: "return false;",
  },
  {
    what: "an empty registry is believed if it was small",
    file: plan,
    find: "if (this.#readNothing && endpoints === 0) return true;",
    replace: "",
  },
  {
    what: "what failed isn't tried again",
    file: plan,
    find: `    if (step.type === "compare") this.#askToCompare(0);
    this.#queue.putBack(units, nowMs);`,
    replace: "",
  },
  {
    what: "the first reading counts as a gain",
    file: plan,
    find: "if (!isFirstRead) this.#losses.note(endpoints, nowMs);",
    replace: "this.#losses.note(endpoints, nowMs);",
  },
  {
    what: "nothing is ever too much to lose",
    file: guard,
    find: "if (read === 0) return true;",
    replace: "",
  },
  {
    what: "what is held is let go as soon as the rest falls below the limit",
    file: guard,
    find: "if (!isBack && !isOver) stillHeld.add(subject);",
    replace: "",
  },
  {
    what: "a held service loses its endpoints by name",
    file: publisher,
    find: "        if (this.#losses.keeps(subject)) continue;\n",
    replace: "",
  },
  {
    what: "a held service loses its endpoints by comparison",
    file: publisher,
    find: "const stays = this.#losses.keeps(subject) || keepsMissing",
    replace: "const stays = keepsMissing",
  },
  {
    what: "what is missing is emptied while it may exist",
    file: publisher,
    find: "const stays = this.#losses.keeps(subject) || keepsMissing",
    replace: "const stays = this.#losses.keeps(subject)",
  },
  {
    what: "a replica publishes what it doesn't own",
    file: publisher,
    find: "if (share.owns(offer.unit)) this.#addUpsert(changes, offer);",
    replace: "this.#addUpsert(changes, offer);",
  },
  {
    what: "publishes carry no fence",
    file: sender,
    find: "{ subject, data, fence, provenance: { unit, member, created, traceparent } }",
    replace: "{ subject, data, provenance: { unit, member, created, traceparent } }",
  },
  {
    what: "sequences of a recreated stream repeat those of its predecessor",
    file: "shared/entry-log/jetstream/config.ts",
    find: "    first_seq: firstSequenceAt(Date.now()),\n",
    replace: "",
  },
  {
    what: "a service that comes back is a new one",
    file: sender,
    find: " ?? state.createdBefore(change.subject)",
    replace: "",
  },
  {
    what: "a replica doesn't hear when what another one deleted was created",
    file: state,
    find: "if (created !== undefined) this.#rememberDeletion(subject, created);",
    replace: "",
  },
  {
    what: "the marker carries no fence",
    file: publisher,
    find: "data, fence }],",
    replace: "data }],",
  },
  {
    what: "what a lost stream had is forgotten",
    file: state,
    find: "this.#set(subject, copyOf(entry, { sequence: 0 }));",
    replace: "continue;",
  },
  {
    what: "what a lost stream had is taken for stored",
    file: publisher,
    find: "before !== undefined && before.sequence > 0 && before.contentHash === hash;",
    replace: "before !== undefined && before.contentHash === hash;",
  },
  {
    what: "an unreadable message is no loss to measure by",
    file: knownEntry,
    find: "endpoints: known?.endpoints ?? 0,",
    replace: "endpoints: 0,",
  },
  {
    what: "a stranger's message is believed unread",
    file: state,
    find: "this.#isOfReplica(provenance) && mayStayUnread(kind, data)",
    replace: "mayStayUnread(kind, data)",
  },
  {
    what: "a service without endpoints is overlooked in a message that stays unread",
    file: knownEntry,
    find: ".equals(beginning) && !bytes.includes(emptySinceKey)",
    replace: ".equals(beginning)",
  },
  {
    what: "an older message wins over a newer one",
    file: state,
    find: "if (known !== undefined && known.sequence >= sequence) return nothing;\n    // A resource",
    replace: "// A resource",
  },
  {
    what: "a replica that was cut off counts the others out",
    file: membership,
    find: "for (const member of this.#members.values()) member.seenAtMs = Math.max(member.seenAtMs, nowMs);",
    replace: "",
  },
  {
    what: "a replica that has lost its registry keeps its share for ever",
    file: membership,
    find: "(inTerm.has(name) && nowMs - (member.unreadySinceMs ?? nowMs) < stalePatienceMs)",
    replace: "inTerm.has(name)",
  },
  {
    what: "a replica publishes before it knows what is on the stream",
    file: loop,
    find: "mayPublish: state.caughtUp && share.fence !== undefined && progress.isRefreshed,",
    replace: "mayPublish: share.fence !== undefined,",
  },
  {
    what: "dependencies are dropped while losses are held",
    file: sidecars,
    find: "return this.#parts.view.error === undefined && !this.#parts.publisher.isHolding;",
    replace: "return true;",
  },
  {
    what: "what is missing is emptied while an application is unknown, or the registry away",
    file: comparison,
    find: "return view.keepsLastEndpoints || view.isUnsure || view.error !== undefined;",
    replace: "return false;",
  },
  {
    what: "named changes that were converted under one term are published under the next",
    file: loop,
    find: "if (this.#parts.share.term !== term) return plan.failed(step, step.units, performance.now());",
    replace: "",
  },
  {
    what: "a loss that a read shows while named changes are converted counts as named",
    file: loop,
    find: "if (this.#outdatings !== outdatings || this.#isDoubtful) break;",
    replace: "",
  },
  {
    what: "the marker comes before everything is published",
    file: loop,
    find: "if (!share.owns(markerUnit) || !share.isSettled) return;",
    replace: "",
  },
  {
    what: "a replica that hasn't noticed a loss publishes its share under the next term",
    file: state,
    find: 'if (this.#caughtUp && isBegunAnew(spec, this.#term)) return { type: "outdated" };',
    replace: "",
  },
  {
    what: "entries that no replica can publish again hold up the marker for ever",
    file: loop,
    find: "if (!state.hasNewTerms) {",
    replace: "if (state.hasNewTerms || share.isSettled) {",
  },
  {
    what: "entries that no replica publishes again count as a loss for ever",
    file: publisher,
    find: "for (const subject of forgotten) state.forgetLost(subject);",
    replace: "",
  },
  {
    what: "a share that isn't read yet is published",
    file: parts,
    find: "return share.owns(unit) && view.shareReader?.knows(unit) !== false;",
    replace: "return share.owns(unit);",
  },
  {
    what: "a share that isn't read yet counts as settled",
    file: progress,
    find: "this.#isSettled ||= hasReadAll;",
    replace: "this.#isSettled = true;",
  },
  {
    what: "a share is published before it was read under its term",
    file: follower,
    find: "if (share.othersSeen || shareReader !== undefined)",
    replace: "if (share.othersSeen)",
  },
  {
    what: "a share that isn't read counts as empty",
    file: publisher,
    find: `    if (isRead === undefined || (unit !== undefined && isRead(unit))) return 0;`,
    replace: "return 0;",
  },
  {
    what: "a resource of an unknown unit counts as gone where only a share is read",
    file: publisher,
    find: "(unit !== undefined && isRead(unit))",
    replace: "isRead(unit ?? subject)",
  },
  {
    what: "each share lets through as much as the whole",
    file: guard,
    find: "this.#policy.minEndpoints * published / total",
    replace: "this.#policy.minEndpoints",
  },
  {
    what: "held losses pass when a share goes to another replica",
    file: guard,
    find: "isSample && lost > 0 ? lost + heldLost : lost",
    replace: "lost",
  },
  {
    what: "what is held is let go while it isn't read",
    file: guard,
    find: `if (readEndpoints === "unread" && heldSince !== undefined) stillHeld.add(subject);`,
    replace: "",
  },
  {
    what: "each batch takes the fence of its own moment",
    file: sender,
    find: "{ subject, data, fence, provenance: { unit, member, created, traceparent } }",
    replace:
      "{ subject, data, fence: state.term && { ...fence, sequence: state.term.sequence }, provenance: { unit, member, created, traceparent } }",
  },
  {
    what: "places on a stream that is gone are taken for places on the next one",
    file: sender,
    find: "      if (state.resets !== resets) {\n        fenced = true;",
    replace: "      if (state.resets < 0) {\n        fenced = true;",
  },
  {
    what: "the marker comes while a replica's entries are gone from the stream",
    file: loop,
    find: "for (const unit of state.lost()) if (!share.owns(unit)) return;",
    replace: "",
  },
  {
    what: "a term that can't be read is never replaced",
    file: workShare,
    find: "expectedSequence: state.termSequence",
    replace: "expectedSequence: this.#term?.sequence ?? 0",
  },
  {
    what: "an earlier term's refresh of the view counts for the present one",
    file: progress,
    find: "if (this.#term === term) this.#isRefreshed = true;",
    replace: "this.#isRefreshed = true;",
  },
  {
    what: "Sidecars found to be gone under one term are deleted under the next",
    file: sidecars,
    find: "share.term === term ? await",
    replace: "share.term !== undefined ? await",
  },
  {
    what: "Sidecars planned under one term are published under the next",
    file: sidecars,
    find: "if (share.term !== term) {",
    replace: "if (share.term === undefined) {",
  },
  {
    what: "a replica is ready before it had a share",
    file: frame,
    find: "if (unread !== undefined || this.#progress.hasHadShare) return unread;",
    replace: "return unread;",
  },
  {
    what: "late signs of life of others count as missing ones",
    file: workShare,
    find: "      this.#membership.seen(lease, performance.now());\n      this.#noteRenewal(undefined);",
    replace:
      "      this.#membership.renewed(performance.now());\n      this.#membership.seen(lease, performance.now());\n" +
      "      this.#noteRenewal(undefined);",
  },
  {
    what: "comparisons starve while changes never end",
    file: plan,
    find: "if (!isMassLoss && overdueMs < overdueAfterMs) {",
    replace: "if (!isMassLoss) {",
  },
  {
    what: "a comparison holds the event loop until all is converted",
    file: snapshot,
    find: "if (turns.isOver) {",
    replace: "if (turns.taken < 0) {",
  },
  {
    what: "what changes while it is being converted is compared as it was",
    file: snapshot,
    find: "const waiting = [...this.#changed];",
    replace: "const waiting: Unit[] = [];",
  },
  {
    what: "what comes while everything is being converted counts as missing",
    file: snapshot,
    find: "for (const unit of this.#waiting()) this.#convert(unit);\n    return",
    replace: "return",
  },
  {
    what: "half of one read and half of the next are compared",
    file: comparison,
    find: "this.#snapshot?.outdated();",
    replace: "",
  },
  {
    what: "what a read that begins meanwhile hasn't found yet counts as missing",
    file: comparison,
    find: "share.term !== term || view.isReading || signal.aborted",
    replace: "share.term !== term || signal.aborted",
  },
  {
    what: "what an application may have offered when a comparison began is emptied at its end",
    file: comparison,
    find: "keptMissing || this.#keepsMissing",
    replace: "this.#keepsMissing",
  },
  {
    what: "a comparison that reads disturb never ends",
    file: comparison,
    find: "this.#disturbed < patience ? undefined : Number.POSITIVE_INFINITY",
    replace: "undefined",
  },
  {
    what: "a foreign message keeps its wrong unit",
    file: publisher,
    find: "if (isStored && before.statedUnit === unit) return;",
    replace: "if (isStored) return;",
  },
  {
    what: "Eureka's differences that nothing named are never compared",
    file: eureka,
    find: "differs: compared.size > 0 ||",
    replace: "differs:",
  },
  {
    what: "Eureka counts as read before all of its clusters are",
    file: eureka,
    find: "return this.#goesOn || this.#clusters.every(({ synced }) => synced);",
    replace: "return true;",
  },
  {
    what: "Eureka publishes what it knew of a cluster that it can't read under a new term",
    file: eureka,
    find: "if (!refreshed.has(cluster)) this.#outdated.add(cluster);",
    replace: "void refreshed.has(cluster);",
  },
  {
    what: "Eureka's named changes take the endpoints of a cluster that it can't read",
    file: eureka,
    find: "if (!isPartial) {",
    replace: "if (units.length > 0) {",
  },
  {
    what: "ZooKeeper's losses are believed one by one",
    file: zookeeper,
    find: "addsUpLosses: true,",
    replace: "addsUpLosses: false,",
  },
  {
    what: "ZooKeeper is never unsure",
    file: zookeeper,
    find: "return this.#applications.isUnsure;",
    replace: "return false;",
  },
  {
    what: "ZooKeeper is complete before its applications are known",
    file: zookeeper,
    find: `    await this.#applications.settled();
    this.#complete = true;`,
    replace: "    this.#complete = true;",
  },
];
