import type { Logger } from "../../../shared/runtime/log.ts";
import { Quota } from "../../../shared/runtime/quota.ts";
import { ServerCertificate } from "../../../shared/runtime/server-certificate.ts";
import type { CertificateFiles } from "../../../shared/runtime/server-certificate.ts";
import { ArrivalBudget } from "./arrival-budget.ts";
import type { Keepalive } from "./grpc-session.ts";
import { prefixBytes } from "./message-reader.ts";
import { RefusalLog } from "./refusal-log.ts";
import type { RefusalReason } from "./refusal-log.ts";

/** The part of the configuration (`xds`) that is about connections. Times in milliseconds. */
export interface TransportSettings extends Keepalive {
  /** Largest request that is taken, in bytes, and what all requests that are still arriving may hold together. */
  readonly maxRequestBytes: number;
  /** Streams at the same time, over all listeners. */
  readonly maxStreams: number;
  /** Those of one address; 0: half of {@link maxStreams}. */
  readonly maxStreamsPerAddress: number;
  /** How long a client may take from its connection to its first request, and for each request to arrive; 0: for ever. */
  readonly requestTimeout: number;
  /** How long clients are given to leave at shutdown. */
  readonly drainTime: number;
  readonly tls?: (CertificateFiles & { readonly allowedSans: readonly string[] }) | undefined;
}

/** As the configuration has them by default. */
export const defaultTransportSettings: TransportSettings = {
  maxRequestBytes: 16 * 1024 * 1024,
  maxStreams: 1000,
  maxStreamsPerAddress: 0,
  requestTimeout: 10_000,
  keepaliveInterval: 30_000,
  keepaliveTimeout: 10_000,
  drainTime: 5_000,
};

/**
 * A stopping process has 10 s (shared/runtime/run-service.ts); what is left of them when clients have had their time is
 * for the rest.
 */
const maxDrainMs = 8_000;

/** Connections beyond two for each stream: enough for probes where few streams are allowed. */
const spareConnections = 100;

/** What all listeners of a process share: limits, what is in use of them, the certificate. */
export class Transport implements Disposable {
  readonly settings: TransportSettings;
  /** Undefined without TLS. */
  readonly certificate: ServerCertificate | undefined;
  readonly log: Logger;
  readonly refusals: RefusalLog;
  /** Streams by the address of the client. */
  readonly streams: Quota;
  /** TCP connections. A client may have some without a stream: for probes, or because it has just come. */
  readonly connections: Quota;
  readonly arriving: ArrivalBudget;

  private constructor(
    settings: TransportSettings,
    certificate: ServerCertificate | undefined,
    log: Logger,
    countRefusal: (reason: RefusalReason) => void,
  ) {
    this.settings = { ...settings, drainTime: Math.min(settings.drainTime, maxDrainMs) };
    this.certificate = certificate;
    this.log = log;
    this.refusals = new RefusalLog(log, countRefusal);
    const { maxStreams, maxStreamsPerAddress, maxRequestBytes } = settings;
    const perAddress = maxStreamsPerAddress === 0 ? Math.ceil(maxStreams / 2) : maxStreamsPerAddress;
    this.streams = new Quota(maxStreams, perAddress);
    this.connections = new Quota(2 * maxStreams + spareConnections, 2 * perAddress + spareConnections);
    this.arriving = new ArrivalBudget(maxRequestBytes + prefixBytes);
  }

  /**
   * Reads the certificate, if there is to be one. `countRefusal` is called for each client that isn't served.
   * @throws MeshError `configuration` if its files can't be used.
   */
  static async open(
    settings: TransportSettings,
    log: Logger,
    countRefusal: (reason: RefusalReason) => void = () => {},
  ): Promise<Transport> {
    const { tls } = settings;
    return new Transport(
      settings,
      tls === undefined ? undefined : await ServerCertificate.load(tls, "xds.tls", "xDS", log),
      log,
      countRefusal,
    );
  }

  /** Counts a stream in; returns what to tell the client if there are too many. */
  takeStream(address: string): string | undefined {
    const shortage = this.streams.take(address);
    if (shortage === undefined) return undefined;
    const told = shortage === "total"
      ? "too many streams (xds.maxStreams)"
      : "too many streams of one address (xds.maxStreamsPerAddress)";
    this.refusals.add("too-many-streams", address, `${told}: the client is refused and will try again`);
    return told;
  }

  [Symbol.dispose](): void {
    this.certificate?.[Symbol.dispose]();
  }
}
