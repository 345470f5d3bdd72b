import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";

/** The repository's top folder. */
export const root = join(import.meta.dirname, "..", "..");

const Labels = z.record(z.string(), z.string());
const PortName = z.union([z.string(), z.number()]);
const Probe = z.looseObject({ httpGet: z.looseObject({ path: z.string(), port: PortName }) });

/** A port of a container. */
export const ContainerPort = z.looseObject({ name: z.string(), containerPort: z.number() });

const Container = z.looseObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()).default([]),
  env: z.array(z.looseObject({ name: z.string() })).default([]),
  ports: z.array(ContainerPort),
  startupProbe: Probe.optional(),
  readinessProbe: Probe,
  livenessProbe: Probe,
  resources: z.looseObject({ requests: z.looseObject({ cpu: z.string(), memory: z.string() }) }),
  securityContext: z.looseObject({
    allowPrivilegeEscalation: z.boolean(),
    readOnlyRootFilesystem: z.boolean(),
    capabilities: z.looseObject({ drop: z.array(z.string()) }),
  }),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).default([]),
});

/** A Deployment or a StatefulSet, as far as tests look into it. */
export const Workload = z.looseObject({
  kind: z.enum(["Deployment", "StatefulSet"]),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    replicas: z.number(),
    strategy: z.looseObject({
      rollingUpdate: z.looseObject({ maxUnavailable: z.number(), maxSurge: z.number() }).optional(),
    }).optional(),
    selector: z.looseObject({ matchLabels: Labels }),
    serviceName: z.string().optional(),
    template: z.looseObject({
      metadata: z.looseObject({ labels: Labels }),
      spec: z.looseObject({
        serviceAccountName: z.string(),
        automountServiceAccountToken: z.literal(false),
        securityContext: z.looseObject({
          runAsNonRoot: z.literal(true),
          seccompProfile: z.looseObject({ type: z.literal("RuntimeDefault") }),
        }),
        containers: z.array(Container).length(1),
        volumes: z.array(
          z.looseObject({ name: z.string(), configMap: z.looseObject({ name: z.string() }).optional() }),
        ).default([]),
      }),
    }),
  }),
});
export type Workload = z.infer<typeof Workload>;

/** A port of a Service. */
export const ServicePort = z.looseObject({ name: z.string(), port: z.number(), targetPort: PortName });

export const Service = z.looseObject({
  kind: z.literal("Service"),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    selector: Labels,
    ports: z.array(ServicePort),
  }),
});

/** A port, or a range of ports, that a NetworkPolicy opens. */
export const PolicyPort = z.looseObject({ port: PortName, endPort: z.number().optional() });

export const NetworkPolicy = z.looseObject({
  kind: z.literal("NetworkPolicy"),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    podSelector: z.looseObject({ matchLabels: Labels }),
    ingress: z.array(z.looseObject({ ports: z.array(PolicyPort) })),
  }),
});

export const DisruptionBudget = z.looseObject({
  kind: z.literal("PodDisruptionBudget"),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({ selector: z.looseObject({ matchLabels: Labels }) }),
});

/** A kustomization, or a component. Strict: a misspelt key is ignored by nobody. */
export const Kustomization = z.strictObject({
  apiVersion: z.string(),
  kind: z.enum(["Kustomization", "Component"]),
  namespace: z.string().optional(),
  resources: z.array(z.string()).default([]),
  components: z.array(z.string()).default([]),
  configMapGenerator: z.array(z.strictObject({
    name: z.string(),
    behavior: z.enum(["create", "replace", "merge"]).default("create"),
    files: z.array(z.string()),
    options: z.strictObject({ disableNameSuffixHash: z.boolean().optional(), labels: Labels.optional() })
      .optional(),
  })).default([]),
  labels: z.array(z.looseObject({ pairs: Labels })).default([]),
  images: z.array(z.strictObject({
    name: z.string(),
    newName: z.string().optional(),
    newTag: z.string().optional(),
  })).default([]),
  replicas: z.array(z.strictObject({ name: z.string(), count: z.number() })).default([]),
  patches: z.array(z.strictObject({
    target: z.strictObject({ kind: z.string(), name: z.string().optional() }),
    patch: z.string(),
  })).default([]),
});
export type Kustomization = z.infer<typeof Kustomization>;

const Patch = z.array(
  z.strictObject({ op: z.enum(["add", "remove", "replace", "test"]), path: z.string(), value: z.unknown() }),
);

/** The steps of a JSON patch in a kustomization (RFC 6902, as YAML). */
export function parsePatch(text: string): z.infer<typeof Patch> {
  return Patch.parse(parse(text));
}

/** The text of a file; its path starts at the top folder. */
export function readText(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** All documents of a YAML file. @throws Error that names the file, if one of them can't be parsed. */
export function readYaml(path: string): readonly unknown[] {
  return parseAllDocuments(readText(path), { strict: true, uniqueKeys: true }).map((document) => {
    const [error] = [...document.errors, ...document.warnings];
    if (error !== undefined) throw new Error(`${path}: ${error.message}`);
    const value: unknown = document.toJS();
    return value;
  });
}

/** Paths of all files below a folder that end so, sorted; without templates of the Helm chart, which are no YAML. */
export function filesBelow(folder: string, ending: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(ending) && !path.startsWith("helm/"))
    .map((path) => `${folder}/${path}`)
    .sort();
}

/** The documents that a schema recognizes by its `kind`, and that therefore have to fit it as a whole. */
export function pick<T>(
  schema: z.ZodType<T>,
  documents: readonly unknown[],
  ...kinds: string[]
): readonly T[] {
  const Kind = z.looseObject({ kind: z.string() });
  return documents
    .filter((document) => {
      const parsed = Kind.safeParse(document);
      return parsed.success && kinds.includes(parsed.data.kind);
    })
    .map((document) => schema.parse(document));
}
