import type { ShareReader } from "./registry.ts";
import { startView, ViewInHand } from "./scripted-view-rig.ts";
import type { SourceRigOptions } from "./source-rig.ts";
import type { Unit } from "./unit.ts";

/** A registry that several replicas read, each its own share of it. */
export class SharedRegistry {
  readonly services = new Map<Unit, readonly string[]>();
  /** What can't be read at this moment. */
  readonly unreadable = new Set<Unit>();
  readonly views = new Set<ShareView>();

  constructor(services: Readonly<Record<Unit, readonly string[]>>) {
    for (const [unit, addresses] of Object.entries(services)) this.services.set(unit, addresses);
  }

  /** A service has these addresses now; the registry names the change to the replicas that follow it. */
  change(unit: Unit, ...addresses: readonly string[]): void {
    this.set(unit, addresses);
    for (const view of this.views) if (view.followed.has(unit)) view.name(unit, ...addresses);
  }

  /** A service has these addresses now; the next read shows it. */
  set(unit: Unit, addresses: readonly string[]): void {
    if (addresses.length === 0) this.services.delete(unit);
    else this.services.set(unit, addresses);
  }

  /** Starts a replica; it ends with the test, or with `running`. */
  async start(options: SourceRigOptions) {
    const started = await startView((sink) => new ShareView(sink, this), options);
    started.view.completed();
    return started;
  }
}

/** One replica's view: the names of all services, and the addresses of its own. */
export class ShareView extends ViewInHand {
  /** What it has subscribed to and read. */
  readonly followed = new Set<Unit>();
  readonly shareReader: ShareReader = {
    follow: (owns) => {
      this.#owns = owns;
      for (const unit of this.followed) {
        if (owns(unit)) continue;
        this.followed.delete(unit);
        this.services.delete(unit);
      }
    },
    knows: (unit) => this.followed.has(unit) || !this.#registry.services.has(unit),
  };
  readonly #registry: SharedRegistry;
  #owns: (unit: Unit) => boolean = () => false;

  constructor(sink: ConstructorParameters<typeof ViewInHand>[0], registry: SharedRegistry) {
    super(sink);
    this.#registry = registry;
    registry.views.add(this);
  }

  override units(): Iterable<Unit> {
    return this.#registry.services.keys();
  }

  override async refresh(): Promise<void> {
    await super.refresh();
    this.#read();
  }

  /** Reads its share again, and finds what the registry didn't name. */
  readAgain(): void {
    this.#read();
    this.sink.readEnded({ seconds: 0, differs: true });
  }

  #read(): void {
    for (const [unit, addresses] of this.#registry.services) {
      if (!this.#owns(unit) || this.#registry.unreadable.has(unit)) continue;
      this.followed.add(unit);
      this.show(unit, addresses);
    }
    for (const unit of this.followed) if (!this.#registry.services.has(unit)) this.show(unit, []);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#registry.views.delete(this);
    await super[Symbol.asyncDispose]();
  }
}
