import { pause } from "../../runtime/waiting.ts";
import type { NacosCredentials, ServiceName } from "../nacos.ts";
import type { ServerAddress } from "../server-address.ts";
import { serviceKey } from "../wire/service-key.ts";
import type { PollingHints } from "../http/polling.ts";
import type { PackageClient, PackageOptions, PackageService } from "./package.ts";

/** The package asks for each service that is subscribed to, all at once: this many are begun in one {@link paceMs}. */
const atOnce = 32;
const paceMs = 100;

const nothing = () => undefined;

/** What hints of the package need. */
export interface PackageHintsOptions {
  readonly servers: readonly ServerAddress[];
  readonly namespace: string;
  readonly isTls: boolean;
  readonly credentials: NacosCredentials | undefined;
  /** See `loadNacosPackage`. */
  open(options: PackageOptions): PackageClient;
}

interface Followed {
  readonly service: PackageService;
  readonly hint: () => void;
  isSubscribed: boolean;
}

/**
 * The `nacos` package as what it is good at: it lets a server tell by UDP that a service changed, as Nacos 1 can, and
 * Nacos 2 for clients of HTTP. What there is then is polled. So the package's own view doesn't count, which knows one
 * cluster (`DEFAULT`), and never that a service lost its last instance.
 */
export class PackageHints implements PollingHints {
  readonly #client: PackageClient;
  readonly #followed = new Map<string, Followed>();
  readonly #waiting = new Set<string>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #wake = new AbortController();

  constructor({ servers, namespace, isTls, credentials, open }: PackageHintsOptions) {
    this.#client = open({
      logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
      serverList: servers.map(({ text }) => text),
      namespace,
      ssl: isTls,
      ...(credentials?.kind === "password" &&
        { username: credentials.username, password: credentials.password }),
      ...(credentials?.kind === "aliyun" &&
        { accessKey: credentials.accessKey, secretKey: credentials.secretKey }),
    });
    // What it can't read, polling reads or tells of.
    this.#client.on("error", nothing);
    this.#running = this.#run();
  }

  follow({ group, name }: ServiceName, hint: () => void): void {
    const key = serviceKey({ group, name });
    this.#followed.set(key, { service: { serviceName: name, groupName: group }, hint, isSubscribed: false });
    this.#waiting.add(key);
    this.#wake.abort();
  }

  unfollow(service: ServiceName): void {
    const key = serviceKey(service);
    const followed = this.#followed.get(key);
    this.#followed.delete(key);
    this.#waiting.delete(key);
    if (followed?.isSubscribed === true) this.#client.unSubscribe(followed.service, followed.hint);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#client.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    try {
      await this.#client.ready();
    } catch {
      // Without a UDP port there are no hints; everything is polled all the same.
      return;
    }
    while (!signal.aborted) {
      this.#wake = new AbortController();
      for (const key of [...this.#waiting].slice(0, atOnce)) this.#subscribe(key);
      const ended = AbortSignal.any([signal, this.#wake.signal]);
      if (this.#waiting.size > 0) await pause(paceMs, signal);
      else await pause(longestPauseMs, ended);
    }
  }

  #subscribe(key: string): void {
    this.#waiting.delete(key);
    const followed = this.#followed.get(key);
    if (followed === undefined) return;
    followed.isSubscribed = true;
    this.#client.subscribe(followed.service, followed.hint);
  }
}

/** A timer's longest time, in milliseconds: until something is to be done. */
const longestPauseMs = 2 ** 31 - 1;
