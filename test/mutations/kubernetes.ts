import type { Mutation } from "./mutations.ts";

const publication = "services/k8s-collector/facts/facts-publication.ts";
const objects = "services/k8s-collector/view/cluster-objects.ts";
const files = "services/k8s-collector/files/files-view.ts";

/** Faults in what keeps Services of clusters, facts of pods and resources of files: the unit tests beside them notice each. */
export const kubernetesFaults: readonly Mutation[] = [
  {
    what: "a fact that couldn't be published is forgotten",
    file: publication,
    find: "this.plan.failed(step);",
    replace: "",
  },
  {
    what: "pods that are missing from a read lose their facts, however many",
    file: publication,
    find: "if (!held.has(subject) && isGone(reader, subject))",
    replace: "if (isGone(reader, subject))",
  },
  {
    what: "nodes that may not be read lose their facts",
    file: publication,
    find: "!(isNode && reader.isBlindForNodes) && ",
    replace: "",
  },
  {
    what: "a rolled-back stream of facts counts as complete",
    file: "shared/facts/facts-follower.ts",
    find: "if (this.#oldWords.has(synced.id)) return;",
    replace: "",
  },
  {
    what: "credentials that may read less take over",
    file: "services/k8s-collector/view/cluster-slot.ts",
    find: "if (lacksMore && current.isSynced && current.error === undefined) return undefined;",
    replace: "",
  },
  {
    what: "an empty answer of a small cluster is believed",
    file: "services/k8s-collector/view/empty-doubt.ts",
    find: "if (present === 0 && (event.lost.size > 0 || this.isDoubting)) {",
    replace: "if (present < 0) {",
  },
  {
    what: "a port that gets another name has no endpoints for a moment",
    file: "services/k8s-collector/view/units-in-change.ts",
    find: "this.#before.set(unit, { ...before, untilMs: nowMs + patienceMs });",
    replace: "",
  },
  {
    what: "an endpoint loses its labels with its pod",
    file: objects,
    find: "if (before !== undefined && this.#users.has(key)) this.#departed.set(key, before);",
    replace: "",
  },
  {
    what: "an endpoint doesn't wait for its pod",
    file: objects,
    find: "if (!isKnown && this.knowsPods) this.#awaited.set(pod, nowMs + podPatienceMs);",
    replace: "",
  },
  {
    what: "an endpoint whose pod is awaited is published without its labels",
    file: "services/k8s-collector/conversion/endpoints.ts",
    find: 'return pod === "awaited" ? [] : [toWorkload(endpoint, numbers, pod, part, rules)];',
    replace: 'return [toWorkload(endpoint, numbers, pod === "awaited" ? undefined : pod, part, rules)];',
  },
  {
    what: "what was published of a cluster that can't be read is forgotten",
    file: "services/k8s-collector/view/kubernetes-view.ts",
    find: 'if (manifest.kind === "ServiceEntry") this.#recalled.add(manifest);',
    replace: "void manifest;",
  },
  {
    what: "a Secret that was garbage before this process started takes its cluster away",
    file: "services/k8s-collector/view/clusters.ts",
    find: "this.#wanted.unreadable.has(id);",
    replace: "false;",
  },
  {
    what: "a kubeconfig's file that can't be used takes its cluster away",
    file: "services/k8s-collector/view/clusters.ts",
    find: "this.#unopened.has(id) || this.#home",
    replace: "this.#home",
  },
  {
    what: "a cluster that the local istiod watches is read",
    file: "services/k8s-collector/view/wanted-clusters.ts",
    find: "if (secret !== undefined) {",
    replace: 'if (secret === "") {',
  },
  {
    what: "a Secret that is deleted and created again takes its cluster away",
    file: "shared/kubernetes/remote/follow-cluster-secrets.ts",
    find: "}, graceMs);",
    replace: "}, 0);",
  },
  {
    what: "a Secret that is rotated to garbage takes its cluster away",
    file: "shared/kubernetes/remote/cluster-roster.ts",
    find: "kubeconfig.problem === undefined ? kubeconfig : before?.usable.get(id)",
    replace: "kubeconfig.problem === undefined ? kubeconfig : undefined",
  },
  {
    what: "an object that has become unusable counts as deleted",
    file: "shared/kubernetes/reflector/store.ts",
    find: "if (before !== undefined) this.#read?.set(key, before);",
    replace: "",
  },
  {
    what: "an object that was cut off counts as the end of a watch",
    file: "shared/kubernetes/reflector/api-reflector.ts",
    find: "if (splitter.isWithin) {",
    replace: "if (splitter.isWithin && isReading) {",
  },
  {
    what: "a file that is being written is read",
    file: files,
    find: "return isSettled || this.#unsettled > patientLooks;",
    replace: "return true;",
  },
  {
    what: "what a file lost is deleted while another one is broken",
    file: files,
    find: "if (this.isUnsure) {",
    replace: "if (this.#files.size < 0) {",
  },
];
