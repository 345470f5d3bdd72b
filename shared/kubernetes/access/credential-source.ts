import type { ErrorCode } from "../../runtime/errors.ts";

/** What `node:tls` needs to know the server and to be known by it. PEM texts. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name that the server's certificate has to have, if it isn't the host of the URL. */
  readonly servername?: string;
  readonly rejectUnauthorized?: false;
}

/** Credentials as they are now, for one request. */
export interface Credentials {
  readonly tls: TlsOptions;
  /** `Authorization` and impersonation. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
}

/** A server, and the credentials for it whenever they are asked for. */
export interface CredentialSource {
  /** URL of the API server, without a slash at its end. */
  readonly server: URL;
  /** `proxy-url` of the kubeconfig. */
  readonly proxy: URL | undefined;
  /**
   * Reads what has to be read again: files of tokens, keys and certificates change while we run.
   * @throws MeshError `registry-unavailable` that names the file or plugin at fault.
   */
  credentials(): Promise<Credentials>;
  /** The server refused the last ones: forgets what a plugin gave. */
  refused(): void;
}

/** What to read a context's credentials with. */
export interface ContextOptions {
  /** Begins all messages: `kubeconfig /etc/kube/config`. */
  readonly origin: string;
  /** The code of errors about the kubeconfig itself. */
  readonly code: ErrorCode;
  /** What relative file names are relative to; undefined refuses them. */
  readonly folder: string | undefined;
}
