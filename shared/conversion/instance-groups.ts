import type { Profile } from "../model/profile.ts";

/** An instance as far as it decides which entry it belongs to. */
export interface GroupedInstance {
  readonly metadata: Readonly<Record<string, string>>;
  /** The metadata as labels. */
  readonly labels: Readonly<Record<string, string>>;
}

/** The options of a source that split a service into several entries. */
export interface GroupRules {
  readonly profile: Profile;
  readonly enableProjectCode: boolean;
  readonly nsHost: boolean;
  readonly defaultServiceNs: string;
}

/** The project codes of instances, in their order. */
export function projectCodesOf(instances: Iterable<Pick<GroupedInstance, "metadata">>): Set<string> {
  const codes = new Set<string>();
  for (const { metadata: { projectCode } } of instances) {
    if (projectCode !== undefined) codes.add(projectCode);
  }
  return codes;
}

/**
 * A coded name per project code; an empty code means no code and takes all instances, as in slime. There an instance
 * that was taken once has the code that its labels have: none, where the code is no label value.
 */
export function byProjectCode<Instance extends GroupedInstance>(
  base: string,
  instances: readonly Instance[],
  codes: Iterable<string>,
  { enableProjectCode, profile }: GroupRules,
): Map<string, readonly Instance[]> {
  if (!enableProjectCode) return new Map([[base, instances]]);
  const groups = new Map<string, readonly Instance[]>();
  const taken = new Set<Instance>();
  for (const code of codes) {
    const members = code === "" ? instances : instances.filter((instance) => {
      const { metadata, labels } = instance;
      return (profile === "slime" && taken.has(instance) ? labels : metadata)["projectCode"] === code;
    });
    for (const member of members) taken.add(member);
    groups.set(code === "" ? base : `${base}.${code}`, members);
  }
  return groups;
}

/** The namespace is looked for among the labels: an impossible one was dropped there and counts as none. */
export function byNamespace<Instance extends GroupedInstance>(
  instances: readonly Instance[],
  rules: GroupRules,
): Map<string, Instance[]> {
  const groups = new Map<string, Instance[]>();
  for (const instance of instances) {
    const namespace = rules.nsHost ? instance.labels["k8sNs"] ?? rules.defaultServiceNs : "";
    const group = groups.get(namespace);
    if (group === undefined) groups.set(namespace, [instance]);
    else group.push(instance);
  }
  return groups;
}
