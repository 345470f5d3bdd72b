import { bookkeepingPrefix } from "../model/annotations.ts";
import type { ServiceEntryManifest } from "../model/manifest.ts";

/**
 * Which Dubbo service a ServiceEntry stands for, where its name doesn't tell (the `istio` profile). These annotations
 * are served, so that whoever sees a host can tell; those that begin with `meshregistry.io/` never are.
 */

/** On a ServiceEntry: the interface, letter by letter. */
export const interfaceAnnotation = "dubbo.meshregistry.io/interface";

/** On a ServiceEntry: the service's group; absent if it has none. */
export const groupAnnotation = "dubbo.meshregistry.io/group";

/** On a ServiceEntry: the service's version; absent if it has none. */
export const versionAnnotation = "dubbo.meshregistry.io/version";

/** On a ServiceEntry: the methods of all providers, as slime writes them into a label. Only `/zk` shows them. */
export const methodsAnnotation = `${bookkeepingPrefix}methods`;

/** The label with the interface of an entry, in both profiles. */
const interfaceLabel = "path";

/** The interface of an entry: its annotation or slime's label. Entries that aren't Dubbo's answer their name. */
export function interfaceOf({ metadata }: ServiceEntryManifest): string {
  return metadata.annotations?.[interfaceAnnotation] ?? metadata.labels?.[interfaceLabel] ?? metadata.name;
}

/**
 * Slime's key of an entry, `interface:group:version` without empty ends; it is the name in the `slime` profile. In the
 * other one colons of the parts are written as `%3A`, so that two services never have one key.
 */
export function serviceKeyOf({ metadata }: ServiceEntryManifest): string {
  const { [interfaceAnnotation]: name, [groupAnnotation]: group = "", [versionAnnotation]: version = "" } =
    metadata.annotations ?? {};
  if (name === undefined) return metadata.name;
  const parts = version !== "" ? [name, group, version] : group !== "" ? [name, group] : [name];
  return parts.map((part) => part.replaceAll("%", "%25").replaceAll(":", "%3A")).join(":");
}
