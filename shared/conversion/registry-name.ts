/**
 * On a ServiceEntry, and served with it: how the registry itself calls the service, where the host can't say so. All
 * spellings, separated by a comma and a space, where several names are one service. Dubbo's interfaces have
 * annotations of their own.
 */
export const registryName = "registry.meshregistry.io/name";

/**
 * The annotation of an entry called `entryName`; undefined if each of the registry's names is the first part of that,
 * but for capitals.
 */
export function registryNameAnnotation(
  names: readonly string[],
  entryName: string,
): Record<string, string> | undefined {
  const isPlain = names.every((name) => isStartOf(name.toLowerCase(), entryName));
  return isPlain ? undefined : { [registryName]: [...new Set(names)].sort().join(", ") };
}

function isStartOf(name: string, entryName: string): boolean {
  return entryName === name || entryName.startsWith(`${name}.`);
}
