/** An item of SE_LABEL_SELECTOR_KEYS: the endpoint label `key` (or `$host`) becomes the entry's label `label`. */
export interface LabelSelectorKey {
  readonly key: string;
  readonly label: string;
  /** Slime's `append`, which by a mistake writes `,<value>` there. */
  readonly append: boolean;
}

/** Copy the endpoint label `from` to `to`. */
export interface LabelCopy {
  readonly from: string;
  readonly to: string;
}

/** What slime's environment variables say about conversion. Read once, never changed, passed on by value. */
export interface ConversionEnvironment {
  /** SE_LABEL_SELECTOR_KEYS: endpoint labels that the ServiceEntry takes over; `app` unless set. */
  readonly seLabelSelectorKeys: readonly LabelSelectorKey[];
  /** LOCALITY_LABELS: label keys to try before the well-known ones; "" where there is none. */
  readonly localityLabels: { readonly region: string; readonly zone: string; readonly subzone: string };
  /** ENDPOINT_RELABEL_ITEMS: labels to copy. */
  readonly endpointRelabelItems: readonly LabelCopy[];
  /** SKIP_VALIDATE_LABEL_VALUE: keep label values that Kubernetes wouldn't take. */
  readonly skipValidateLabelValue: boolean;
  /** REGISTRY_ID_META_KEY: endpoint label for a server's `registryId`. */
  readonly registryIdMetaKey: string;
  /** MESH_REG_ISTIO_REVISION: the label `istio.io/rev` of every resource; "" for none. */
  readonly istioRevision: string;
  /** NACOS_CLIENT_HEADERS: extra request headers. May hold secrets: never log it. */
  readonly nacosClientHeaders: Readonly<Record<string, string>>;
  /** POD_NAME: our name in the xDS control plane identifier. */
  readonly podName: string;
  /** POD_NAMESPACE; "istio-system" if unset. */
  readonly podNamespace: string;
  /** CLUSTER_ID; "Kubernetes" if unset. */
  readonly clusterId: string;
}

/** Environment variables by name; an empty one counts as set, as in slime. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Go's strconv.ParseBool: what counts as true. Anything else is false, slime's default. */
const goTrue: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);

/** Reads {@link ConversionEnvironment}. Never throws: slime takes any value of these variables. */
export function readConversionEnvironment(env: Environment): ConversionEnvironment {
  const [region = "", zone = "", ...subzones] = (env["LOCALITY_LABELS"] ?? "").split(",");
  // As in slime, which splits into three: a fourth comma is a part of the last key.
  const subzone = subzones.join(",");
  return Object.freeze({
    seLabelSelectorKeys: Object.freeze(labelSelectorKeys(env["SE_LABEL_SELECTOR_KEYS"] ?? "app")),
    localityLabels: Object.freeze({ region, zone, subzone }),
    endpointRelabelItems: Object.freeze(labelCopies(env["ENDPOINT_RELABEL_ITEMS"] ?? "")),
    skipValidateLabelValue: goTrue.has(env["SKIP_VALIDATE_LABEL_VALUE"] ?? ""),
    registryIdMetaKey: env["REGISTRY_ID_META_KEY"] ?? "registry-id",
    istioRevision: env["MESH_REG_ISTIO_REVISION"] ?? "",
    nacosClientHeaders: Object.freeze(headers(env["NACOS_CLIENT_HEADERS"] ?? "")),
    podName: env["POD_NAME"] ?? "",
    podNamespace: env["POD_NAMESPACE"] ?? "istio-system",
    clusterId: env["CLUSTER_ID"] ?? "Kubernetes",
  });
}

function labelSelectorKeys(text: string): LabelSelectorKey[] {
  return text.split(",").flatMap((item) => {
    const [key = "", label = "", ...more] = item.split(":");
    if (key === "") return [];
    return [Object.freeze({
      key,
      label: label === "" ? key.replace(/^\$/, "") : label,
      append: more.join(":") === "append",
    })];
  });
}

/** Items without `=` are skipped; what follows a second `=` is ignored. Of several for one label the last counts. */
function labelCopies(text: string): LabelCopy[] {
  const copies = new Map<string, LabelCopy>();
  for (const item of text.split(",")) {
    const [from, to] = item.split("=");
    if (from !== undefined && to !== undefined) copies.set(from, Object.freeze({ from, to }));
  }
  return [...copies.values()];
}

/** `k=v,k2=v2`, split at the first `=`, nothing trimmed. */
function headers(text: string): Record<string, string> {
  const result: Record<string, string> = {};
  for (const item of text.split(",")) {
    const equals = item.indexOf("=");
    if (equals > 0) result[item.slice(0, equals)] = item.slice(equals + 1);
  }
  return result;
}
