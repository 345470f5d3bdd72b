import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { errorText, MeshError } from "./errors.ts";
import type { Logger } from "./log.ts";

/** The files, in PEM. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** CA certificates of clients; empty: clients need no certificate. */
  readonly clientCaFile: string;
}

/** What a TLS server takes. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

interface Loaded {
  readonly certificate: Certificate;
  /** For the log. */
  readonly facts: { readonly validTo: string; readonly clientCa: string | undefined };
  readonly digest: string;
}

/**
 * How often the files are looked at. Their content decides, not their times: in a Kubernetes volume, a whole folder is
 * exchanged behind a symbolic link. Reading three small files costs nothing at this pace.
 */
const pollMs = 10_000;

/**
 * The server's certificate, read again when its files change. A new one counts for new connections. One that can't be
 * used (half written, a key that doesn't fit) is warned of once, and the old one stays.
 */
export class ServerCertificate implements Disposable {
  readonly #files: CertificateFiles;
  readonly #connections: string;
  readonly #log: Logger;
  readonly #listeners = new Set<(certificate: Certificate) => void>();
  readonly #timer: NodeJS.Timeout;
  #loaded: Loaded;
  #complainedOf = "";

  private constructor(files: CertificateFiles, loaded: Loaded, connections: string, log: Logger) {
    this.#files = files;
    this.#connections = connections;
    this.#loaded = loaded;
    this.#log = log;
    this.#timer = setInterval(() => void this.refresh(), pollMs).unref();
  }

  /**
   * Reads the files. `key`: the configuration that names them; `connections`: what they are for, such as `xDS`.
   * @throws MeshError `configuration` if they can't be used.
   */
  static async load(
    files: CertificateFiles,
    key: string,
    connections: string,
    log: Logger,
  ): Promise<ServerCertificate> {
    try {
      return new ServerCertificate(files, await read(files), connections, log);
    } catch (error) {
      throw new MeshError("configuration", `Cannot use the files of ${key}: ${errorText(error)}`, {
        cause: error,
      });
    }
  }

  /** What new connections get. */
  get current(): Certificate {
    return this.#loaded.certificate;
  }

  /** True if clients have to show a certificate. */
  get asksClients(): boolean {
    return this.#files.clientCaFile !== "";
  }

  /** Calls back with each new certificate. Answers the function that ends it. */
  onChange(listener: (certificate: Certificate) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks at the files now. Never throws. */
  async refresh(): Promise<void> {
    try {
      const loaded = await read(this.#files);
      this.#complainedOf = "";
      if (loaded.digest === this.#loaded.digest) return;
      this.#loaded = loaded;
      for (const listener of this.#listeners) listener(loaded.certificate);
      this.#log.info(
        { file: this.#files.certFile, ...loaded.facts },
        `new certificate for ${this.#connections} connections`,
      );
    } catch (error) {
      const complaint = errorText(error);
      if (complaint === this.#complainedOf) return;
      this.#complainedOf = complaint;
      this.#log.warn(
        { file: this.#files.certFile, reason: complaint },
        "can't use the new certificate, the old one stays",
      );
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

async function read({ certFile, keyFile, clientCaFile }: CertificateFiles): Promise<Loaded> {
  const [cert, key, ca] = await Promise.all([
    readFile(certFile),
    readFile(keyFile),
    clientCaFile === "" ? undefined : readFile(clientCaFile),
  ]);
  const leaf = new X509Certificate(cert);
  // Deno takes a pair that doesn't fit, and a CA file without a certificate.
  if (!leaf.checkPrivateKey(createPrivateKey(key))) {
    throw new Error(`the key in ${keyFile} is not that of the certificate in ${certFile}`);
  }
  const clientCa = ca === undefined ? undefined : new X509Certificate(ca).subject;
  const certificate = ca === undefined ? { cert, key } : { cert, key, ca };
  createSecureContext(certificate);
  const hash = createHash("sha256");
  for (const part of [cert, key, ca ?? Buffer.alloc(0)]) hash.update(`${part.length}\0`).update(part);
  return { certificate, facts: { validTo: leaf.validTo, clientCa }, digest: hash.digest("base64") };
}
