import { access as checkAccess, readFile } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { errorText, MeshError } from "../../runtime/errors.ts";
import type { ErrorCode } from "../../runtime/errors.ts";
import type { ClusterAccess } from "../kubernetes.ts";
import { contextCredentials, folderOf } from "./credentials.ts";
import type { CredentialSource } from "./credential-source.ts";
import { chooseContext, parseKubeconfig } from "./kubeconfig.ts";
import { refuseUntrusted } from "./untrusted.ts";

/** Where Kubernetes puts the credentials of a pod's service account. */
const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** What the process' surroundings say; tests say something else. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Default: {@link serviceAccountFolder}. */
  readonly serviceAccountFolder?: string;
}

/**
 * Finds server and credentials. `name` is the cluster's, for messages.
 * @throws MeshError `configuration` if the user's kubeconfig, or our pod, is at fault; `invalid-record` for `untrusted`.
 */
export async function openAccess(
  access: ClusterAccess,
  name: string,
  surroundings: Surroundings,
): Promise<CredentialSource> {
  switch (access.kind) {
    case "in-cluster":
      return await inCluster(surroundings);
    case "file":
      return await fromFile(access.path, access.context);
    case "text":
      return fromText(access.text, access.context, originOf(name), "configuration", false);
    case "untrusted":
      return checkUntrusted(access.text, name);
  }
}

/**
 * Reads a kubeconfig that somebody else wrote, without any I/O. `name` is the cluster's, for messages.
 * @throws MeshError `invalid-record` that names the key at fault.
 */
export function checkUntrusted(text: string, name: string): CredentialSource {
  return fromText(text, undefined, originOf(name), "invalid-record", true);
}

function originOf(name: string): string {
  return `the kubeconfig of cluster ${name}`;
}

function fromText(
  text: string,
  context: string | undefined,
  origin: string,
  code: ErrorCode,
  isUntrusted: boolean,
): CredentialSource {
  const kubeconfig = parseKubeconfig(text, origin, code);
  if (isUntrusted) refuseUntrusted(kubeconfig, origin);
  const chosen = chooseContext(kubeconfig, context, origin, code);
  return contextCredentials(chosen, { origin, code, folder: undefined });
}

/** A kubeconfig's file is read again after the server refused the credentials in it: a rotation may have changed it. */
async function fromFile(path: string, context: string | undefined): Promise<CredentialSource> {
  const origin = `kubeconfig ${path}`;
  const load = async (code: ErrorCode) => {
    const kubeconfig = parseKubeconfig(await readKubeconfig(path, origin, code), origin, code);
    const chosen = chooseContext(kubeconfig, context, origin, code);
    return contextCredentials(chosen, { origin, code, folder: folderOf(path) });
  };
  const first = await load("configuration");
  let current: CredentialSource | undefined = first;
  return {
    server: first.server,
    proxy: first.proxy,
    async credentials() {
      if (current === undefined) {
        const again = await load("registry-unavailable");
        if (again.server.href !== first.server.href) {
          const text = `${origin} names another server now (${again.server.host}); restart to use it`;
          throw new MeshError("registry-unavailable", text);
        }
        current = again;
      }
      return await current.credentials();
    },
    refused() {
      current?.refused();
      current = undefined;
    },
  };
}

async function readKubeconfig(path: string, origin: string, code: ErrorCode): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new MeshError(code, `${origin} can't be read: ${errorText(error)}`, { cause: error });
  }
}

async function inCluster({ environment, serviceAccountFolder: folder = serviceAccountFolder }: Surroundings) {
  const host = environment["KUBERNETES_SERVICE_HOST"] ?? "";
  const port = environment["KUBERNETES_SERVICE_PORT"] ?? "";
  if (host === "" || port === "") {
    const text = "not in a Kubernetes pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT aren't set";
    throw new MeshError("configuration", `${text}; give a kubeconfig`);
  }
  // Kubernetes mounts it before a container starts: what is missing now doesn't come later.
  await checkAccess(`${folder}/token`).catch((error: unknown) => {
    const text = `our pod has no token of its service account: ${errorText(error)}`;
    const remedy =
      "set automountServiceAccountToken to true and grant what is read (docs/facts.md has the components)";
    throw new MeshError("configuration", `${text}; ${remedy}, or give a kubeconfig`, { cause: error });
  });
  const cluster = {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    "certificate-authority": `${folder}/ca.crt`,
  };
  return contextCredentials(
    {
      clusterName: "in-cluster",
      cluster,
      userPath: "service account",
      user: { tokenFile: `${folder}/token` },
    },
    { origin: "our service account", code: "configuration", folder },
  );
}
