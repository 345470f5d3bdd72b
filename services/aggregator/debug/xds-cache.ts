import { stringify } from "yaml";
import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { resourceKinds } from "../../../shared/model/manifest.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";
import { kindOfTypeUrl } from "../xds/type-urls.ts";

/** The parameters of `/xdsCache`, as slime has them; absent ones are undefined or empty. */
export interface XdsCacheQuery {
  readonly res?: string | undefined;
  readonly typeUrl?: string | undefined;
  readonly gvk?: string | undefined;
  readonly ns?: string | undefined;
  readonly name?: string | undefined;
  readonly ver?: string | undefined;
  readonly format?: string | undefined;
  readonly layout?: string | undefined;
  readonly k8sRsc?: string | undefined;
}

/** An answer of the debug API. */
export interface DebugAnswer {
  readonly status: 200 | 400;
  readonly contentType: "application/json" | "text/yaml" | "text/plain";
  /** Texts that make the body together, made while they are iterated: a large catalogue takes seconds. */
  readonly body: Iterable<string>;
}

interface Selected {
  readonly kind: ResourceKind;
  readonly resource: CachedResource;
}

/** slime shows resources under this type, whatever the clients asked for. */
const typeOf = (kind: ResourceKind) => `networking.istio.io/v1alpha3/${kind}`;

/** Answers `/xdsCache`: what is served now, in slime's shapes. */
export function xdsCache(cache: ResourceCache, query: XdsCacheQuery): DebugAnswer {
  const format = query.format || "json";
  const layout = query.layout || "gvk";
  if (format !== "json" && format !== "yaml") return badRequest(`unsupported format ${format}`);
  if (layout !== "gvk" && layout !== "list" && layout !== "plain") {
    return badRequest(`unknown layout ${layout}`);
  }
  const keepVersion = Boolean(query.name);
  const shape = ({ kind, resource }: Selected) =>
    query.k8sRsc ? kubernetesShape(kind, resource) : slimeShape(kind, resource, keepVersion);
  const contentType = format === "json" ? "application/json" : "text/yaml";
  return { status: 200, contentType, body: bodyOf(() => select(cache, query), shape, format, layout) };
}

/**
 * Writes what `JSON.stringify` and `stringify` of the whole would, one resource at a time. Even to choose them costs
 * milliseconds, and belongs to the first text.
 */
function* bodyOf(
  choose: () => readonly Selected[],
  shape: (selected: Selected) => unknown,
  format: "json" | "yaml",
  layout: "gvk" | "list" | "plain",
): Iterable<string> {
  const text = format === "json" ? toJsonText : toYamlText;
  const selected = choose();
  if (layout === "plain") {
    for (const each of selected) yield `${text(shape(each))}\n---\n`;
    return;
  }
  if (selected.length === 0) return yield text(layout === "list" ? [] : {});
  let key = "";
  for (const [index, each] of selected.entries()) {
    const type = layout === "list" ? "" : typeOf(each.kind);
    const isFirst = index === 0;
    const opens = type !== "" && type !== key;
    key = type;
    if (format === "yaml") {
      yield text(opens ? { [type]: [shape(each)] } : [shape(each)]);
      continue;
    }
    const indent = type === "" ? "  " : "    ";
    if (isFirst) yield type === "" ? "[\n" : "{\n";
    else yield opens ? "\n  ],\n" : ",\n";
    if (opens) yield `  ${JSON.stringify(type)}: [\n`;
    yield `${indent}${text(shape(each)).replaceAll("\n", `\n${indent}`)}`;
  }
  if (format === "json") yield key === "" ? "\n]" : "\n  ]\n}";
}

function badRequest(message: string): DebugAnswer {
  return { status: 400, contentType: "text/plain", body: [message] };
}

/** `name` is a single look-up that needs type and namespace and ignores `ver`; everything else filters. */
function select(cache: ResourceCache, query: XdsCacheQuery): Selected[] {
  const type = query.res || query.typeUrl || query.gvk;
  const wanted = type ? kindOfTypeUrl(type) : undefined;
  if (query.name) {
    const resource = wanted === undefined ? undefined : cache.get(wanted, `${query.ns ?? ""}/${query.name}`);
    return wanted === undefined || resource === undefined ? [] : [{ kind: wanted, resource }];
  }
  const kinds = type ? resourceKinds.filter((kind) => kind === wanted) : resourceKinds;
  const prefix = query.ns ? `${query.ns}/` : "";
  return kinds.flatMap((kind) =>
    [...cache.snapshot(kind, undefined).resources]
      .filter(({ name, cursor }) => name.startsWith(prefix) && (!query.ver || cursor > query.ver))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((resource) => ({ kind, resource }))
  );
}

function slimeShape(kind: ResourceKind, resource: CachedResource, keepVersion: boolean) {
  const { namespace, name, labels, annotations, creationTimestamp, spec } = decodeResource(
    kind,
    resource.framed,
  );
  return {
    type: typeOf(kind),
    name,
    namespace,
    labels,
    annotations,
    ...(keepVersion ? { resourceVersion: resource.cursor } : {}),
    creationTimestamp: creationTimestamp ?? null,
    Spec: spec,
    Status: null,
  };
}

/** The odd `type` is slime's, some scripts may look for it. */
function kubernetesShape(kind: ResourceKind, resource: CachedResource) {
  const decoded = decodeResource(kind, resource.framed);
  const { ResourceVersion: resourceVersion, ...annotations } = decoded.annotations;
  return {
    kind,
    apiVersion: "networking.istio.io/v1alpha3",
    metadata: {
      type: "core//",
      name: decoded.name,
      namespace: decoded.namespace,
      resourceVersion,
      labels: decoded.labels,
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      creationTimestamp: decoded.creationTimestamp,
    },
    spec: decoded.spec,
  };
}

function toJsonText(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}

/** As Go writes YAML: sorted keys, lists not indented, and quotes where a reader of YAML 1.1 (kubectl) needs them. */
function toYamlText(value: unknown): string {
  return stringify(value, { version: "1.1", sortMapEntries: true, lineWidth: 0, indentSeq: false });
}
