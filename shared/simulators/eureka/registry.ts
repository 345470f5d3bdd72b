/**
 * The registry of a Eureka server, as far as its REST interface shows it: instances, the queue of recent changes and
 * the hash. Rules: those of Netflix' server (`AbstractInstanceRegistry`), seen from outside.
 */

/** An instance as it is registered and shown; unknown fields are kept and shown again. */
export interface RegisteredInstance {
  readonly instanceId: string;
  readonly app: string;
  readonly status: string;
  /** An operator's word, which beats the instance's own; "UNKNOWN" for none. */
  readonly overriddenStatus: string;
  readonly [field: string]: unknown;
}

/** What is registered; its application is named apart. */
export interface NewInstance {
  readonly instanceId: string;
  readonly status: string;
  readonly [field: string]: unknown;
}

interface Change {
  readonly atMs: number;
  readonly action: "ADDED" | "MODIFIED" | "DELETED";
  readonly instance: RegisteredInstance;
}

/** How long changes stay in the delta, in milliseconds; Eureka's default. */
const defaultRetentionMs = 180_000;

/** What a Eureka server knows; see above. The clock is the process's own. */
export class EurekaRegistry {
  readonly #applications = new Map<string, Map<string, RegisteredInstance>>();
  readonly #retentionMs: number;
  #changes: Change[] = [];
  #lastUpdatedMs = 0;

  constructor(retentionMs: number = defaultRetentionMs) {
    this.#retentionMs = retentionMs;
  }

  /** Registers an instance, or registers it anew. The server answers with upper-case application names. */
  register(app: string, instance: NewInstance): void {
    const name = app.toUpperCase();
    const members = this.#applications.get(name) ?? new Map<string, RegisteredInstance>();
    const known = members.get(instance.instanceId);
    const overriddenStatus = known?.overriddenStatus ?? "UNKNOWN";
    const registered: RegisteredInstance = {
      ...instance,
      app: name,
      status: believedStatus(instance.status, known),
      overriddenStatus,
      lastUpdatedTimestamp: this.#tick(),
    };
    members.set(registered.instanceId, registered);
    this.#applications.set(name, members);
    this.#note("ADDED", registered);
  }

  /** Deregisters an instance; false if it isn't known. */
  cancel(app: string, instanceId: string): boolean {
    const name = app.toUpperCase();
    const members = this.#applications.get(name);
    const instance = members?.get(instanceId);
    if (members === undefined || instance === undefined) return false;
    members.delete(instanceId);
    if (members.size === 0) this.#applications.delete(name);
    this.#note("DELETED", { ...instance, lastUpdatedTimestamp: this.#tick() });
    return true;
  }

  /** Overrides the status of an instance; false if it isn't known. */
  override(app: string, instanceId: string, status: string): boolean {
    return this.#change("MODIFIED", app, instanceId, () => ({ status, overriddenStatus: status }));
  }

  /** Takes an override away; `status` holds until the instance reports one. False if it isn't known. */
  removeOverride(app: string, instanceId: string, status: string): boolean {
    return this.#change("MODIFIED", app, instanceId, () => ({ status, overriddenStatus: "UNKNOWN" }));
  }

  /** Adds or changes metadata, which counts as a registration; false if the instance isn't known. */
  setMetadata(app: string, instanceId: string, metadata: Readonly<Record<string, string>>): boolean {
    return this.#change(
      "ADDED",
      app,
      instanceId,
      (known) => ({ metadata: { ...asObject(known["metadata"]), ...metadata } }),
    );
  }

  /** True if the instance is registered: what a heartbeat asks. */
  knows(app: string, instanceId: string): boolean {
    return this.#applications.get(app.toUpperCase())?.has(instanceId) ?? false;
  }

  /** Forgets everything without a trace in the delta: what a restarted server without peers looks like. */
  clear(): void {
    this.#applications.clear();
    this.#changes = [];
  }

  /** The body of `GET /apps`. */
  all(): unknown {
    return this.#answer(
      "1",
      [...this.#applications].map(([name, members]) => ({ name, instance: [...members.values()] })),
    );
  }

  /** The body of `GET /apps/delta`: one entry per instance with its present content and last action. */
  delta(): unknown {
    const now = performance.now();
    this.#changes = this.#changes.filter((change) => now - change.atMs < this.#retentionMs);
    const last = new Map<string, Change>();
    for (const change of this.#changes) {
      const key = `${change.instance.app}\0${change.instance.instanceId}`;
      last.delete(key);
      last.set(key, change);
    }
    const applications = new Map<string, unknown[]>();
    for (const { action, instance } of last.values()) {
      const members = applications.get(instance.app) ?? [];
      members.push({ ...instance, actionType: action });
      applications.set(instance.app, members);
    }
    return this.#answer("2", [...applications].map(([name, instance]) => ({ name, instance })));
  }

  /** The body of `GET /apps/NAME`; undefined if the application isn't known. */
  application(name: string): unknown {
    const members = this.#applications.get(name.toUpperCase());
    return members && { application: { name: name.toUpperCase(), instance: [...members.values()] } };
  }

  #change(
    action: Change["action"],
    app: string,
    instanceId: string,
    fields: (known: RegisteredInstance) => Partial<RegisteredInstance>,
  ): boolean {
    const members = this.#applications.get(app.toUpperCase());
    const known = members?.get(instanceId);
    if (members === undefined || known === undefined) return false;
    const changed = { ...known, ...fields(known), lastUpdatedTimestamp: this.#tick() };
    members.set(instanceId, changed);
    this.#note(action, changed);
    return true;
  }

  #answer(versionsDelta: string, application: readonly unknown[]): unknown {
    return { applications: { versions__delta: versionsDelta, apps__hashcode: this.#hash(), application } };
  }

  #hash(): string {
    const counts = new Map<string, number>();
    for (const members of this.#applications.values()) {
      for (const { status } of members.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
    }
    return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([status, count]) => `${status}_${count}_`)
      .join("");
  }

  #note(action: Change["action"], instance: RegisteredInstance): void {
    this.#changes.push({ atMs: performance.now(), action, instance });
  }

  /** The server's clock as text, as in real answers; never the same twice, so that order can be seen. */
  #tick(): string {
    this.#lastUpdatedMs = Math.max(Date.now(), this.#lastUpdatedMs + 1);
    return String(this.#lastUpdatedMs);
  }
}

/**
 * What the server makes of the status that an instance reports: an operator's override beats it, and UP and
 * OUT_OF_SERVICE, once they hold, are left by override only.
 */
function believedStatus(reported: string, known: RegisteredInstance | undefined): string {
  if (known === undefined || reported === "DOWN" || reported === "STARTING") return reported;
  if (known.overriddenStatus !== "UNKNOWN") return known.overriddenStatus;
  return known.status === "UP" || known.status === "OUT_OF_SERVICE" ? known.status : reported;
}

function asObject(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}
