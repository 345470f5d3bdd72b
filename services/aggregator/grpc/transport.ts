import type { Logger } from "../../../shared/runtime/log.ts";
import type { Keepalive } from "./grpc-session.ts";
import { ServerCertificate } from "./server-certificate.ts";
import type { CertificateFiles } from "./server-certificate.ts";

/** The part of the configuration (`xds`) that is about connections. Times in milliseconds. */
export interface TransportSettings extends Keepalive {
  /** Largest request that is taken, in bytes. */
  readonly maxRequestBytes: number;
  /** Streams at the same time, over all listeners. */
  readonly maxStreams: number;
  /** How long clients are given to leave at shutdown. */
  readonly drainTime: number;
  readonly tls?: (CertificateFiles & { readonly allowedSans: readonly string[] }) | undefined;
}

/** As the configuration has them by default. */
export const defaultTransportSettings: TransportSettings = {
  maxRequestBytes: 64 * 1024 * 1024,
  maxStreams: 1000,
  keepaliveInterval: 30_000,
  keepaliveTimeout: 10_000,
  drainTime: 5_000,
};

/**
 * A stopping process has 10 s (shared/runtime/run-service.ts); what is left of them when clients have had their time is
 * for the rest.
 */
const maxDrainMs = 8_000;

/** What all listeners of a process share: limits, the number of streams, the certificate. */
export class Transport implements Disposable {
  readonly settings: TransportSettings;
  /** Undefined without TLS. */
  readonly certificate: ServerCertificate | undefined;
  readonly log: Logger;
  #streams = 0;

  private constructor(settings: TransportSettings, certificate: ServerCertificate | undefined, log: Logger) {
    this.settings = { ...settings, drainTime: Math.min(settings.drainTime, maxDrainMs) };
    this.certificate = certificate;
    this.log = log;
  }

  /**
   * Reads the certificate, if there is to be one.
   * @throws MeshError `configuration` if its files can't be used.
   */
  static async open(settings: TransportSettings, log: Logger): Promise<Transport> {
    const { tls } = settings;
    return new Transport(
      settings,
      tls === undefined ? undefined : await ServerCertificate.load(tls, log),
      log,
    );
  }

  /** Counts a stream in; false if there are too many. */
  takeStream(): boolean {
    if (this.#streams >= this.settings.maxStreams) return false;
    this.#streams++;
    return true;
  }

  /** Counts a stream out. */
  releaseStream(): void {
    this.#streams--;
  }

  [Symbol.dispose](): void {
    this.certificate?.[Symbol.dispose]();
  }
}
