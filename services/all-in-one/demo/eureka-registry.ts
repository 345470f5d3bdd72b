/**
 * The registry of a Eureka server, as far as its REST interface shows it: instances, the queue of recent changes and
 * the hash. Rules: those of Netflix' server (`AbstractInstanceRegistry`), seen from outside.
 */

/** An instance as it is registered and shown; unknown fields are kept and shown again. */
export interface RegisteredInstance {
  readonly instanceId: string;
  readonly app: string;
  readonly status: string;
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
    const registered: RegisteredInstance = {
      ...instance,
      app: name,
      lastUpdatedTimestamp: this.#tick(),
    };
    const members = this.#applications.get(name) ?? new Map<string, RegisteredInstance>();
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
    const members = this.#applications.get(app.toUpperCase());
    const instance = members?.get(instanceId);
    if (members === undefined || instance === undefined) return false;
    const changed = { ...instance, status, overriddenStatus: status, lastUpdatedTimestamp: this.#tick() };
    members.set(instanceId, changed);
    this.#note("MODIFIED", changed);
    return true;
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
