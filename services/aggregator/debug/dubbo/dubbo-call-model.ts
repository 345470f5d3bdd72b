import { setImmediate as nextTurn } from "node:timers/promises";
import { stringify } from "yaml";
import {
  decodeLostSince,
  goneSinceAnnotation,
  lostSinceAnnotation,
  sidecarApplication,
  sidecarHosts,
} from "../../../../shared/dubbo/dubbo-sidecar.ts";
import { serviceKeyOf } from "../../../../shared/dubbo/dubbo-service.ts";
import { compareCodePoints } from "../../../../shared/istio/mod.ts";
import type { Manifest, ServiceEntryManifest, SidecarManifest } from "../../../../shared/model/manifest.ts";

/** Service keys that an application provides and consumes. */
interface Calls {
  readonly provides: Set<string>;
  readonly consumes: Set<string>;
}

type Manifests = AsyncIterable<{ readonly manifest: Manifest }>;

/** Calls by application. */
export type CallsByApplication = Map<string, Calls>;

/** The endpoint label that names a provider's application. */
const applicationLabel = "application";

/**
 * Who provides and consumes what now: providers are endpoints, consumers the Sidecars without what is only held back.
 * Without generated Sidecars the stream has no consumers.
 */
export async function callModel(serviceEntries: Manifests, sidecars: Manifests): Promise<CallsByApplication> {
  const model: CallsByApplication = new Map();
  const keys = await readServices(serviceEntries, model);
  await readSidecars(sidecars, keys, model, currentHosts);
  return model;
}

/** What the Sidecars let each application see, held-back dependencies included. As in slime, without providers. */
export async function sidecarCallModel(
  serviceEntries: Manifests,
  sidecars: Manifests,
): Promise<CallsByApplication> {
  const model: CallsByApplication = new Map();
  const keys = await readServices(serviceEntries, undefined);
  await readSidecars(sidecars, keys, model, sidecarHosts);
  return model;
}

/** So many applications are written before the event loop gets a turn. */
const applicationsPerTurn = 100;

/** The model as slime writes it; with `application` of that one only, and of an unknown one an empty one. */
export async function callModelYaml(
  model: CallsByApplication,
  application: string | undefined,
): Promise<string> {
  const names = application ? [application] : [...model.keys()].sort(compareCodePoints);
  if (names.length === 0) return "{}\n";
  let text = "";
  for (const [index, name] of names.entries()) {
    const calls = model.get(name);
    const shown = {
      application: calls === undefined ? "" : name,
      provideservices: asGoSet(calls?.provides),
      consumeservices: asGoSet(calls?.consumes),
    };
    text += stringify(Object.fromEntries([[name, shown]]), { version: "1.1", lineWidth: 0 });
    if ((index + 1) % applicationsPerTurn === 0) await nextTurn();
  }
  return text;
}

/** Adds providers to the model and answers service keys by host: Sidecars name hosts. */
async function readServices(
  serviceEntries: Manifests,
  model: CallsByApplication | undefined,
): Promise<ReadonlyMap<string, string>> {
  const keys = new Map<string, string>();
  for await (const { manifest } of serviceEntries) {
    if (manifest.kind !== "ServiceEntry") continue;
    const key = serviceKeyOf(manifest);
    for (const host of manifest.spec.hosts) keys.set(host, key);
    if (model === undefined) continue;
    for (const application of providersOf(manifest)) callsOf(model, application).provides.add(key);
  }
  return keys;
}

function providersOf({ spec }: ServiceEntryManifest): Set<string> {
  const applications = new Set<string>();
  for (const { labels } of spec.endpoints ?? []) {
    const application = labels?.[applicationLabel];
    if (application) applications.add(application);
  }
  return applications;
}

async function readSidecars(
  sidecars: Manifests,
  keys: ReadonlyMap<string, string>,
  model: CallsByApplication,
  hostsOf: (sidecar: SidecarManifest) => readonly string[],
): Promise<void> {
  for await (const { manifest } of sidecars) {
    if (manifest.kind !== "Sidecar") continue;
    const application = sidecarApplication(manifest.metadata);
    if (application === undefined) continue;
    const hosts = hostsOf(manifest);
    if (hosts.length === 0 && isGone(manifest)) continue;
    const { consumes } = callsOf(model, application);
    for (const host of hosts) consumes.add(keys.get(host) ?? host);
  }
}

/** The hosts that somebody consumes at this moment. */
function currentHosts(sidecar: SidecarManifest): string[] {
  if (isGone(sidecar)) return [];
  const lost = decodeLostSince(sidecar.metadata.annotations?.[lostSinceAnnotation]);
  return sidecarHosts(sidecar).filter((host) => !lost.has(host));
}

function isGone({ metadata }: SidecarManifest): boolean {
  return metadata.annotations?.[goneSinceAnnotation] !== undefined;
}

function callsOf(model: CallsByApplication, application: string): Calls {
  let calls = model.get(application);
  if (calls === undefined) {
    calls = { provides: new Set(), consumes: new Set() };
    model.set(application, calls);
  }
  return calls;
}

/** Go writes a set as a map of empty structs. */
function asGoSet(keys: ReadonlySet<string> = new Set()): Record<string, Record<string, never>> {
  return Object.fromEntries([...keys].sort(compareCodePoints).map((key) => [key, {}]));
}
