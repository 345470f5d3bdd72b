import { expect, onTestFinished } from "vitest";
import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type { EntryLog } from "../entry-log/entry-log.ts";
import type { Manifest, SidecarManifest } from "../model/manifest.ts";
import { allSubjects, decodeSubject } from "../model/subject.ts";
import type { Steps } from "../runtime/turns.ts";
import { WorkPerTurn } from "../runtime/work-per-turn-rig.ts";
import { sidecar } from "./publisher-rig.ts";
import type { SidecarPlan } from "./registry.ts";
import { ScriptedSidecars, ScriptedView, startView } from "./scripted-view-rig.ts";
import type { SourceRigOptions } from "./source-rig.ts";
import type { Unit } from "./unit.ts";

const soon = { timeout: 20_000, interval: 2 };

/** A hundred services, each with one endpoint. */
export const services = Object.fromEntries(
  Array.from({ length: 100 }, (_, index) => [`s${index}`, [`10.0.0.${index}`]] as const),
);

/** Sidecars of many applications, of which each takes time twice: to be planned and to be made. */
export class SlowSidecars extends ScriptedSidecars {
  /** Applications. */
  count = 0;
  /** A plan lasts until this is true. */
  isPlanned: () => boolean = () => true;
  readonly #work: WorkPerTurn;

  constructor(work: WorkPerTurn) {
    super();
    this.#work = work;
  }

  override *plan(nowMs: number, mayRemove: () => boolean): Steps<SidecarPlan> {
    const { hosts } = this;
    for (let index = 0; index < this.count; index++) {
      yield;
      this.#work.work();
    }
    while (!this.isPlanned()) yield;
    const { gone } = yield* super.plan(nowMs, mayRemove);
    return { upserts: this.#made(hosts), gone };
  }

  override manifests(): Iterable<SidecarManifest> {
    return this.#made(this.hosts);
  }

  *#made(hosts: readonly string[]): Iterable<SidecarManifest> {
    for (let index = 0; index < this.count; index++) {
      this.#work.work();
      yield sidecar(`app-${index}`, hosts.map((host) => `*/${host}`));
    }
  }
}

/** A registry whose conversions take time, and that does something else between two turns of the work on it. */
export class SlowView extends ScriptedView {
  readonly work = new WorkPerTurn();
  override readonly sidecars = new SlowSidecars(this.work);
  /** Is called once, in the first turn after these have been converted. */
  meanwhile: { readonly after: number; readonly act: () => void } | undefined;
  #converted = 0;

  override convert(unit: Unit): readonly Manifest[] {
    this.work.work();
    this.#converted++;
    if (this.meanwhile !== undefined && this.#converted >= this.meanwhile.after) {
      const { act } = this.meanwhile;
      this.meanwhile = undefined;
      setImmediate(act);
    }
    return super.convert(unit);
  }

  /** In the middle of the next work. `after`: the number of units that are converted by then. */
  midway(act: () => void, after = 50): void {
    this.meanwhile = { after: this.#converted + after, act };
  }
}

/** An entry that was written. */
export interface RecordedPut {
  /** Of its service. */
  readonly name: string;
  readonly addresses: readonly string[];
}

/** Everything that is written to a log, in its order. */
export function recordPuts(entryLog: EntryLog): readonly RecordedPut[] {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const puts: RecordedPut[] = [];
  void (async () => {
    for await (const event of entryLog.follow(allSubjects, stop.signal)) {
      const id = decodeSubject(event.type === "put" ? event.subject : "");
      if (event.type !== "put" || id?.kind !== "ServiceEntry") continue;
      const { spec } = JSON.parse(Buffer.from(event.data).toString());
      puts.push({
        name: id.name,
        addresses: (spec.endpoints ?? []).map(({ address }: { address: string }) => address),
      });
    }
  })();
  return puts;
}

/** A collector of a {@link SlowView}, and what it publishes; it ends with the test. */
export async function startSlow(options: SourceRigOptions = {}) {
  const entryLog = options.entryLog ?? new EmbeddedEntryLog();
  const puts = recordPuts(entryLog);
  return { ...await startView((sink) => new SlowView(sink), { ...options, entryLog }), entryLog, puts };
}

/** The same, with {@link services} published. */
export async function startPublished(options: SourceRigOptions = {}) {
  const started = await startSlow(options);
  started.view.read(services);
  await expect.poll(() => started.collector.isSettled, soon).toBe(true);
  await expect.poll(() => started.puts.length, soon).toBe(100);
  return started;
}
