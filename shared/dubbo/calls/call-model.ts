/**
 * Who provides and who consumes what, kept up to date interface by interface. An update costs what the interface has
 * and what changed in it, however many interfaces there are.
 */

/** The calls of one service, as conversion finds them. */
export interface ServiceCalls {
  /** `interface:group:version`, trailing empty parts cut: slime's name of the service. */
  readonly key: string;
  /** The host of its ServiceEntry. */
  readonly host: string;
  /** Applications that provide it; those without a name are left out. */
  readonly providers: Iterable<string>;
  /** Applications that consume it; those without a name are left out. */
  readonly consumers: Iterable<string>;
}

/** A service that somebody provides or consumes. */
export interface CalledService {
  readonly key: string;
  readonly host: string;
}

/** What one application provides and consumes. */
export interface ApplicationCalls {
  readonly provides: ReadonlySet<CalledService>;
  readonly consumes: ReadonlySet<CalledService>;
}

/** A service with its callers, as it was at the last update. */
interface KnownService {
  /** One object per service for as long as it is known, so that sets of applications compare by identity. */
  readonly service: CalledService;
  readonly providers: ReadonlySet<string>;
  readonly consumers: ReadonlySet<string>;
}

interface Application {
  readonly provides: Set<CalledService>;
  readonly consumes: Set<CalledService>;
}

const nobody: ReadonlySet<string> = new Set();

/** The call model of all interfaces. */
export class CallModel {
  readonly #interfaces = new Map<string, ReadonlyMap<string, KnownService>>();
  readonly #applications = new Map<string, Application>();

  /** What an application provides and consumes now; undefined if it does neither. */
  callsOf(application: string): ApplicationCalls | undefined {
    return this.#applications.get(application);
  }

  /**
   * Replaces what is known of an interface by its services now (none: the interface is gone). With `keepsGone`, services
   * that are gone keep their calls, as in slime, where they stay as well, without endpoints. Returns the applications
   * whose calls differ from before.
   */
  update(interfaceName: string, services: readonly ServiceCalls[], keepsGone = false): ReadonlySet<string> {
    const before = this.#interfaces.get(interfaceName);
    if (before !== undefined && (keepsGone || before.size === services.length)) {
      // Most changes are of instances, not of calls.
      if (services.every((calls) => isKnown(calls, before.get(calls.key)))) return nobody;
    }
    const now = new Map<string, KnownService>();
    const changed = new Set<string>();
    for (const calls of services) {
      const known = before?.get(calls.key);
      const after = knownService(calls, known?.service);
      now.set(calls.key, after);
      if (known !== undefined && known.service !== after.service) this.#forget(known, changed);
      this.#compare(after, known?.service === after.service ? known : undefined, changed);
    }
    for (const [key, known] of before ?? []) {
      if (now.has(key)) continue;
      if (keepsGone) now.set(key, known);
      else this.#forget(known, changed);
    }
    if (now.size > 0) this.#interfaces.set(interfaceName, now);
    else this.#interfaces.delete(interfaceName);
    return changed;
  }

  #forget({ service, providers, consumers }: KnownService, changed: Set<string>): void {
    this.#compare(
      { service, providers: nobody, consumers: nobody },
      { service, providers, consumers },
      changed,
    );
  }

  #compare(now: KnownService, before: KnownService | undefined, changed: Set<string>): void {
    const { service } = now;
    for (const role of ["provides", "consumes"] as const) {
      const after = role === "provides" ? now.providers : now.consumers;
      const earlier = (role === "provides" ? before?.providers : before?.consumers) ?? nobody;
      for (const name of after) {
        if (earlier.has(name)) continue;
        this.#application(name)[role].add(service);
        changed.add(name);
      }
      for (const name of earlier) {
        if (after.has(name)) continue;
        const application = this.#application(name);
        application[role].delete(service);
        if (application.provides.size + application.consumes.size === 0) this.#applications.delete(name);
        changed.add(name);
      }
    }
  }

  #application(name: string): Application {
    let application = this.#applications.get(name);
    if (application === undefined) {
      application = { provides: new Set(), consumes: new Set() };
      this.#applications.set(name, application);
    }
    return application;
  }
}

function knownService(calls: ServiceCalls, before: CalledService | undefined): KnownService {
  const { key, host, providers, consumers } = calls;
  const service = before?.host === host ? before : { key, host };
  return { service, providers: named(providers), consumers: named(consumers) };
}

function isKnown({ host, providers, consumers }: ServiceCalls, known: KnownService | undefined): boolean {
  return known !== undefined && known.service.host === host &&
    areExactly(providers, known.providers) && areExactly(consumers, known.consumers);
}

/** True if the applications are those of the set; may be false if one is there twice. */
function areExactly(applications: Iterable<string>, known: ReadonlySet<string>): boolean {
  let count = 0;
  for (const name of applications) {
    if (name === "") continue;
    if (!known.has(name)) return false;
    count++;
  }
  return count === known.size;
}

function named(applications: Iterable<string>): ReadonlySet<string> {
  const names = new Set(applications);
  names.delete("");
  return names;
}
