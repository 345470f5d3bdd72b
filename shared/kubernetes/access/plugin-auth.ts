import { isAbsolute, join } from "node:path";
import { errorText, MeshError } from "../../runtime/errors.ts";
import type { ContextOptions, Credentials } from "./credential-source.ts";
import type { KubeconfigUser } from "./kubeconfig.ts";

/** The one thing of `@kubernetes/client-node` that is used. */
interface PluginRunner {
  applyToHTTPSOptions(options: {
    headers?: Record<string, string | string[] | number | undefined>;
    cert?: unknown;
    key?: unknown;
  }): Promise<void>;
}

/**
 * Credentials from exec plugins and auth providers (`oidc`, `gcp`, `azure`), for kubeconfigs that the user wrote. These
 * are left to `@kubernetes/client-node`. It takes 54 MB on disk and 70 MB of memory: it is loaded for them only, and it is
 * an optional package, which a pod with a service account or a token does without.
 */
export class PluginAuth {
  readonly #user: KubeconfigUser;
  readonly #path: string;
  readonly #options: ContextOptions;
  #runner: Promise<PluginRunner> | undefined;

  constructor(user: KubeconfigUser, path: string, options: ContextOptions) {
    this.#user = user;
    this.#path = path;
    this.#options = options;
  }

  /** Runs the plugin, or returns what it gave before until that expires. @throws MeshError `registry-unavailable` */
  async credentials(): Promise<Credentials> {
    try {
      this.#runner ??= this.#load();
      const options: Parameters<PluginRunner["applyToHTTPSOptions"]>[0] = {};
      await (await this.#runner).applyToHTTPSOptions(options);
      const authorization = options.headers?.["Authorization"];
      const { cert, key } = options;
      return {
        tls: {
          ...(typeof cert === "string" && { cert }),
          ...(typeof key === "string" && { key }),
        },
        headers: typeof authorization === "string" ? { Authorization: authorization } : {},
      };
    } catch (error) {
      const key = this.#user.exec == null ? "auth-provider" : "exec";
      const why = isMissingPackage(error) ? "install the package @kubernetes/client-node" : errorText(error);
      const text = `${this.#options.origin}: ${this.#path}.${key} failed: ${why}`;
      throw new MeshError("registry-unavailable", text, { cause: error });
    }
  }

  /** Runs the plugin anew next time. */
  forget(): void {
    this.#runner = undefined;
  }

  async #load(): Promise<PluginRunner> {
    const { KubeConfig } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    const user = { ...this.#user, exec: this.#exec() };
    const kubeconfig = {
      "current-context": "context",
      // Only `https` is let through, and it isn't used.
      clusters: [{ name: "cluster", cluster: { server: "https://localhost" } }],
      users: [{ name: "user", user: { exec: user.exec, "auth-provider": user["auth-provider"] } }],
      contexts: [{ name: "context", context: { cluster: "cluster", user: "user" } }],
    };
    config.loadFromString(JSON.stringify(kubeconfig));
    return config;
  }

  /** A command with a slash is relative to the kubeconfig, as with kubectl. */
  #exec(): unknown {
    const { exec } = this.#user;
    const { folder } = this.#options;
    const command = exec?.["command"];
    if (typeof command !== "string" || folder === undefined) return exec;
    return command.includes("/") && !isAbsolute(command) ? { ...exec, command: join(folder, command) } : exec;
  }
}

function isMissingPackage(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
}
