import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { errorText, MeshError } from "../../runtime/errors.ts";
import type { ErrorCode } from "../../runtime/errors.ts";
import type { ContextOptions, CredentialSource } from "./credential-source.ts";
import type { KubeconfigContext, KubeconfigUser } from "./kubeconfig.ts";
import { PluginAuth } from "./plugin-auth.ts";

/**
 * Credentials of one context.
 * @throws MeshError with the code of the options for values that are none: URLs, Base64, file names.
 */
export function contextCredentials(context: KubeconfigContext, options: ContextOptions): CredentialSource {
  const { cluster, user, userPath } = context;
  const { origin, code } = options;
  const clusterPath = `the cluster "${context.clusterName}"`;
  const server = url(cluster.server, ["https:", "http:"], `${origin}: server of ${clusterPath}`, code);
  const proxyUrl = given(cluster["proxy-url"]);
  const proxy = proxyUrl === undefined
    ? undefined
    : url(proxyUrl, ["http:", "https:"], `${origin}: proxy-url of ${clusterPath}`, code);
  const pem = (path: string, file: string | null | undefined, data: string | null | undefined) =>
    pemSource(path, given(file), given(data), options);
  const ca = pem(
    `${clusterPath}: certificate-authority`,
    cluster["certificate-authority"],
    cluster["certificate-authority-data"],
  );
  const cert = pem(
    `${userPath}.client-certificate`,
    user["client-certificate"],
    user["client-certificate-data"],
  );
  const key = pem(`${userPath}.client-key`, user["client-key"], user["client-key-data"]);
  const tokenFile = fileName(`${userPath}.tokenFile`, given(user.tokenFile), options);
  const servername = given(cluster["tls-server-name"]);
  const isUnchecked = cluster["insecure-skip-tls-verify"] === true;
  const plugin = user.exec == null && user["auth-provider"] == null
    ? undefined
    : new PluginAuth(user, userPath, options);
  return {
    server,
    proxy,
    async credentials() {
      const [caText, certText, keyText, fileToken, fromPlugin] = await Promise.all([
        ca(),
        cert(),
        key(),
        tokenFile === undefined ? undefined : readText(tokenFile, `${origin}: ${userPath}.tokenFile`),
        plugin?.credentials(),
      ]);
      const tls = {
        ...(caText !== undefined && !isUnchecked && { ca: caText }),
        ...(certText !== undefined && { cert: certText }),
        ...(keyText !== undefined && { key: keyText }),
        ...(servername !== undefined && { servername }),
        ...(isUnchecked && { rejectUnauthorized: false as const }),
        ...fromPlugin?.tls,
      };
      // As kubectl does: the file of a token goes before a token.
      const authorization = authorizationOf(user, fileToken?.trim());
      const headers = {
        ...impersonation(user),
        ...(authorization !== undefined && { Authorization: authorization }),
        ...fromPlugin?.headers,
      };
      return { tls, headers };
    },
    refused: () => plugin?.forget(),
  };
}

/** The value, unless it is absent, null or empty. */
function given(value: string | null | undefined): string | undefined {
  return value == null || value === "" ? undefined : value;
}

function url(text: string, protocols: readonly string[], what: string, code: ErrorCode): URL {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !protocols.includes(parsed.protocol)) {
    const schemes = protocols.map((protocol) => `${protocol}//`).join(" or ");
    throw new MeshError(code, `${what} is no URL that begins with ${schemes}`);
  }
  return parsed;
}

/** Returns a function that reads a PEM text from a file or from Base64. Data goes before a file, as with kubectl. */
function pemSource(
  path: string,
  file: string | undefined,
  data: string | undefined,
  options: ContextOptions,
): () => Promise<string | undefined> {
  const { origin, code } = options;
  if (data !== undefined) {
    const text = Buffer.from(data, "base64").toString("utf8");
    if (!text.includes("-----BEGIN ")) {
      throw new MeshError(code, `${origin}: ${path}-data is no Base64 of a PEM text`);
    }
    return () => Promise.resolve(text);
  }
  const name = fileName(path, file, options);
  return name === undefined ? () => Promise.resolve(undefined) : () => readText(name, `${origin}: ${path}`);
}

function fileName(path: string, file: string | undefined, options: ContextOptions): string | undefined {
  if (file === undefined || isAbsolute(file)) return file;
  if (options.folder !== undefined) return join(options.folder, file);
  throw new MeshError(options.code, `${options.origin}: ${path} is a relative path, and there is no folder`);
}

/** The folder that relative names in a kubeconfig are relative to. */
export function folderOf(file: string): string {
  return dirname(file);
}

async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new MeshError("registry-unavailable", `${what} can't be read: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function authorizationOf(user: KubeconfigUser, fileToken: string | undefined): string | undefined {
  const token = given(fileToken) ?? given(user.token);
  if (token !== undefined) return `Bearer ${token}`;
  const name = given(user.username);
  if (name === undefined) return undefined;
  return `Basic ${Buffer.from(`${name}:${user.password ?? ""}`, "utf8").toString("base64")}`;
}

function impersonation(user: KubeconfigUser): Record<string, string | readonly string[]> {
  const groups = user["as-groups"] ?? [];
  const [name, uid] = [given(user.as), given(user["as-uid"])];
  return {
    ...(name !== undefined && { "Impersonate-User": name }),
    ...(uid !== undefined && { "Impersonate-Uid": uid }),
    ...(groups.length > 0 && { "Impersonate-Group": groups }),
  };
}
