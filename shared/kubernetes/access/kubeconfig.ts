import { parseDocument } from "yaml";
import { z } from "zod";
import { errorText, MeshError } from "../../runtime/errors.ts";
import type { ErrorCode } from "../../runtime/errors.ts";

/** A text that may be absent or null, as kubectl writes it. */
const text = z.string().nullish();

const clusterSchema = z.object({
  server: z.string(),
  "certificate-authority": text,
  "certificate-authority-data": text,
  "insecure-skip-tls-verify": z.boolean().nullish(),
  "tls-server-name": text,
  "proxy-url": text,
});

const userSchema = z.object({
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  "client-certificate": text,
  "client-certificate-data": text,
  "client-key": text,
  "client-key-data": text,
  as: text,
  "as-uid": text,
  "as-groups": z.array(z.string()).nullish(),
  exec: z.record(z.string(), z.unknown()).nullish(),
  "auth-provider": z.record(z.string(), z.unknown()).nullish(),
});

const kubeconfigSchema = z.object({
  "current-context": text,
  clusters: z.array(z.object({ name: z.string(), cluster: clusterSchema })).nullish(),
  users: z.array(z.object({ name: z.string(), user: userSchema.nullish() })).nullish(),
  contexts: z.array(z.object({
    name: z.string(),
    context: z.object({ cluster: z.string(), user: text }),
  })).nullish(),
});

/** Where a cluster is and how to know it, with the keys of a kubeconfig. */
export type KubeconfigCluster = z.output<typeof clusterSchema>;

/** Who we are there, with the keys of a kubeconfig. */
export type KubeconfigUser = z.output<typeof userSchema>;

/** A decoded kubeconfig. */
export type Kubeconfig = z.output<typeof kubeconfigSchema>;

/** One context of a kubeconfig. */
export interface KubeconfigContext {
  readonly clusterName: string;
  readonly cluster: KubeconfigCluster;
  /** `users[2].user`, for messages. */
  readonly userPath: string;
  readonly user: KubeconfigUser;
}

/**
 * Decodes a kubeconfig, YAML or JSON. Unknown keys are dropped. `origin` begins all messages; none shows a value, which
 * might be a secret. @throws MeshError `code` that names the key at fault.
 */
export function parseKubeconfig(content: string, origin: string, code: ErrorCode): Kubeconfig {
  const result = kubeconfigSchema.safeParse(parseYaml(content, origin, code));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const key = issue === undefined ? "" : keyPath(issue.path);
  throw new MeshError(code, `${origin} is no kubeconfig: ${key}${issue?.message ?? "unknown"}`);
}

/** Chooses a context. @throws MeshError `code` if it names what isn't there. */
export function chooseContext(
  kubeconfig: Kubeconfig,
  name: string | undefined,
  origin: string,
  code: ErrorCode,
): KubeconfigContext {
  const wanted = name ?? kubeconfig["current-context"] ?? "";
  const fail = (text: string) => new MeshError(code, `${origin}: ${text}`);
  if (wanted === "") throw fail("current-context is empty: name a context");
  const contexts = kubeconfig.contexts ?? [];
  const at = contexts.findIndex((context) => context.name === wanted);
  const context = contexts[at]?.context;
  if (context === undefined) {
    const known = contexts.map((one) => one.name).join(", ") || "none";
    throw fail(`there is no context "${wanted}"; contexts: ${known}`);
  }
  const cluster = kubeconfig.clusters?.find((one) => one.name === context.cluster);
  if (cluster === undefined) {
    throw fail(`contexts[${at}].context.cluster names "${context.cluster}", which isn't in clusters`);
  }
  const userName = context.user ?? "";
  const users = kubeconfig.users ?? [];
  const userAt = users.findIndex((one) => one.name === userName);
  if (userAt < 0 && userName !== "") {
    throw fail(`contexts[${at}].context.user names "${userName}", which isn't in users`);
  }
  return {
    clusterName: cluster.name,
    cluster: cluster.cluster,
    userPath: `users[${userAt}].user`,
    user: users[userAt]?.user ?? {},
  };
}

function parseYaml(content: string, origin: string, code: ErrorCode): unknown {
  // Only the first line: the others show the text, which holds secrets.
  const fail = (error: unknown) =>
    new MeshError(code, `${origin} is no YAML: ${errorText(error).split("\n")[0]?.replace(/:$/, "")}`);
  const document = parseDocument(content, { logLevel: "silent" });
  const error = document.errors[0];
  if (error !== undefined) throw fail(error);
  try {
    const value: unknown = document.toJS();
    return value;
  } catch (failure) {
    throw fail(failure);
  }
}

/** `users[0].user.token: `; empty for the whole. */
function keyPath(path: readonly PropertyKey[]): string {
  const keys = path.map((key, index) => {
    if (typeof key === "number") return `[${key}]`;
    return index === 0 ? String(key) : `.${String(key)}`;
  });
  return keys.length === 0 ? "" : `${keys.join("")}: `;
}
