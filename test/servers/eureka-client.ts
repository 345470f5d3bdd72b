/** An instance to register; what is not given gets a usable default. Further fields of Eureka's are sent as they are. */
export interface EurekaInstance {
  /** Application; the server upper-cases it. */
  readonly app: string;
  readonly instanceId: string;
  readonly ipAddr: string;
  readonly port: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** An instance status that a client may report or an operator may set. */
export type EurekaStatus = "UP" | "DOWN" | "STARTING" | "OUT_OF_SERVICE" | "UNKNOWN";

/** Credentials for Basic auth. */
export interface BasicAuth {
  readonly username: string;
  readonly password: string;
}

/** Eureka's REST calls that write. Each throws on any answer but success; addresses an instance by app and id. */
export class EurekaWriter {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param url Base address, ending in `/eureka`. */
  constructor(url: string, auth?: BasicAuth) {
    this.#url = url;
    const authorization = auth === undefined
      ? undefined
      : `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString("base64")}`;
    this.#headers = {
      accept: "application/json",
      "content-type": "application/json",
      ...(authorization === undefined ? {} : { authorization }),
    };
  }

  /** Any call, for tests that need the answer itself. `path` begins with a slash and follows the base address. */
  async request(method: string, path: string, body?: unknown): Promise<Response> {
    return await fetch(`${this.#url}${path}`, {
      method,
      headers: this.#headers,
      // A loaded server may take long, a frozen one must not block a test for ever.
      signal: AbortSignal.timeout(60_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Registers or replaces an instance. Unless it says otherwise its lease lasts an hour, so no test need renew it. */
  async register(instance: EurekaInstance): Promise<void> {
    const { port, ...rest } = instance;
    const full = {
      hostName: instance.ipAddr,
      status: "UP",
      vipAddress: instance.app.toLowerCase(),
      port: { $: port, "@enabled": "true" },
      securePort: { $: 443, "@enabled": "false" },
      countryId: 1,
      dataCenterInfo: { "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", name: "MyOwn" },
      leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 3600 },
      metadata: {},
      lastDirtyTimestamp: String(Date.now()),
      ...rest,
    };
    await this.#write("POST", `/apps/${encodeURIComponent(instance.app)}`, { instance: full });
  }

  /** Renews the lease. */
  async heartbeat(app: string, instanceId: string): Promise<void> {
    await this.#write("PUT", instancePath(app, instanceId));
  }

  /** Takes the instance away, as a client does that shuts down. */
  async cancel(app: string, instanceId: string): Promise<void> {
    await this.#write("DELETE", instancePath(app, instanceId));
  }

  /** Sets an operator's override, which beats what the instance itself reports. */
  async setStatus(app: string, instanceId: string, status: EurekaStatus): Promise<void> {
    await this.#write("PUT", `${instancePath(app, instanceId)}/status?value=${status}`);
  }

  /** Takes the override away; `status` holds until the instance reports one. */
  async removeStatus(app: string, instanceId: string, status: EurekaStatus): Promise<void> {
    await this.#write("DELETE", `${instancePath(app, instanceId)}/status?value=${status}`);
  }

  /** Adds or changes metadata of a registered instance. */
  async setMetadata(
    app: string,
    instanceId: string,
    metadata: Readonly<Record<string, string>>,
  ): Promise<void> {
    const query = new URLSearchParams(metadata).toString();
    await this.#write("PUT", `${instancePath(app, instanceId)}/metadata?${query}`);
  }

  async #write(method: string, path: string, body?: unknown): Promise<void> {
    const response = await this.request(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`Eureka answered ${method} ${path} with ${response.status}: ${text}`);
  }
}

function instancePath(app: string, instanceId: string): string {
  return `/apps/${encodeURIComponent(app)}/${encodeURIComponent(instanceId)}`;
}
