import type { CollectorStatus } from "../../../shared/collector/collector-status.ts";
import type { PlanTraits } from "../../../shared/collector/publish-plan.ts";
import { endpointCount } from "../../../shared/collector/published-entry.ts";
import type { RegistryView, SourceContext } from "../../../shared/collector/registry.ts";
import type { Unit } from "../../../shared/collector/unit.ts";
import type { K8sSource } from "../../../shared/config/mod.ts";
import type { Manifest } from "../../../shared/model/manifest.ts";
import { errorText } from "../../../shared/runtime/errors.ts";
import { pause } from "../../../shared/runtime/waiting.ts";
import { findFiles, isSame, readFound } from "./read-folder.ts";
import type { FoundFile } from "./read-folder.ts";
import { BrokenFile, readResources } from "./read-resources.ts";

/** How often files are looked at, in milliseconds. Looking costs one `stat` for each. */
const lookMs = 1000;

/** At the start, when there is nothing yet to go on with. */
const firstLookMs = 100;

/** The number of looks after which a folder is read as it is, although each look found something changed. */
const patientLooks = 10;

/** What is known of a file. */
interface KnownFile {
  readonly mark: string;
  readonly manifests: readonly Manifest[];
  readonly isBroken: boolean;
}

/**
 * A folder of YAML as a registry; its units are the resources. The folder is looked at each second rather than watched:
 * a mounted ConfigMap changes by a link that leads elsewhere, which watches of files don't notice.
 *
 * A folder is read once nothing in it has changed between two looks: a file may be half written, and a resource may be
 * on its way from one file to another. A file that can't be used keeps what it had. As long as there is one, no resource that
 * is missing counts as deleted: it may be meant to be in that file, and after a restart it isn't known what the file had.
 */
export class FilesView implements RegistryView {
  readonly traits: PlanTraits = {
    addsUpLosses: true,
    lossDelays: { oneOfSeveralMs: 0, lastMs: 0 },
    debounce: undefined,
    minCompareMs: 1000,
  };
  readonly keepsLastEndpoints = false;
  /** A resource that its file doesn't have any more is meant to go. */
  readonly deletesGone = true;
  readonly #source: K8sSource;
  readonly #context: SourceContext;
  readonly #lookMs: number;
  #files = new Map<string, KnownFile>();
  #manifests = new Map<Unit, Manifest>();
  #error: string | undefined;
  #lastReadMs: number | undefined;
  #isReading = false;
  #looking: Promise<boolean> | undefined;
  /** What the last look found. */
  #found: readonly FoundFile[] | undefined;
  /** Looks in a row that found something changed. */
  #unsettled = 0;

  /** `everyMs`: how often files are looked at. */
  constructor(source: K8sSource, context: SourceContext, everyMs = lookMs) {
    this.#source = source;
    this.#context = context;
    this.#lookMs = everyMs;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look();
      if (this.isComplete && !this.#source.watchConfigFiles) return;
      await pause(this.isComplete ? this.#lookMs : Math.min(firstLookMs, this.#lookMs), signal);
    }
  }

  async refresh(signal: AbortSignal): Promise<void> {
    while (!await this.#look() && !signal.aborted) await pause(this.#lookMs, signal);
  }

  get isComplete(): boolean {
    return this.#lastReadMs !== undefined;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  get error(): string | undefined {
    return this.#error;
  }

  get lastReadMs(): number | undefined {
    // What isn't watched is as it was read.
    return this.isComplete && !this.#source.watchConfigFiles ? performance.now() : this.#lastReadMs;
  }

  get isUnsure(): boolean {
    return [...this.#files.values()].some(({ isBroken }) => isBroken);
  }

  get endpoints(): number {
    let sum = 0;
    for (const manifest of this.#manifests.values()) sum += weightOf(manifest);
    return sum;
  }

  get emptyHint(): string {
    return `there is no ServiceEntry and no Sidecar in ${this.#source.configPath} (k8sSource.configPath)`;
  }

  get remark(): string | undefined {
    const broken = [...this.#files].filter(([, { isBroken }]) => isBroken).map(([name]) => name);
    return broken.length === 0
      ? undefined
      : `${
        broken.join(", ")
      } in ${this.#source.configPath} can't be used: what they had before stays; mend them`;
  }

  units(): Iterable<Unit> {
    return this.#manifests.keys();
  }

  isEmpty(unit: Unit): boolean {
    return !this.#manifests.has(unit);
  }

  observe(): void {}

  convert(unit: Unit): readonly Manifest[] {
    const manifest = this.#manifests.get(unit);
    return manifest === undefined ? [] : [manifest];
  }

  status(): CollectorStatus {
    const { lastReadMs } = this;
    const connection = {
      name: this.#source.configPath,
      synced: this.isComplete,
      lastSuccessAgeMs: lastReadMs === undefined ? null : Math.round(performance.now() - lastReadMs),
      lastError: this.#error ?? null,
    };
    return { connections: [connection], invalidRecords: this.#context.records.shown };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#looking;
  }

  /** One look at a time: who asks for another one waits for it. True if all that there is has been read. */
  async #look(): Promise<boolean> {
    await this.#looking;
    this.#looking = this.#lookOnce();
    return await this.#looking;
  }

  async #lookOnce(): Promise<boolean> {
    const { sink } = this.#context;
    const startedMs = performance.now();
    const wasComplete = this.isComplete;
    let isRead = false;
    try {
      const found = await findFiles(this.#source.configPath);
      isRead = this.#isSettled(found) && await this.#readAll(found);
      this.#error = undefined;
      if (isRead || wasComplete) this.#lastReadMs = performance.now();
    } catch (error) {
      this.#error = errorText(error);
    }
    const seconds = (performance.now() - startedMs) / 1000;
    sink.readEnded({ seconds, differs: false, ...(this.#error !== undefined && { error: this.#error }) });
    if (!wasComplete && this.isComplete) sink.completed();
    return isRead;
  }

  #isSettled(found: readonly FoundFile[]): boolean {
    const isSettled = this.#found !== undefined && isSame(found, this.#found);
    this.#found = found;
    this.#unsettled = isSettled ? 0 : this.#unsettled + 1;
    return isSettled || this.#unsettled > patientLooks;
  }

  /** Reads what has changed, and takes it over. False if something changed meanwhile. */
  async #readAll(found: readonly FoundFile[]): Promise<boolean> {
    const changed = found.filter(({ name, mark }) => this.#files.get(name)?.mark !== mark);
    const isChanged = changed.length > 0 || found.length !== this.#files.size;
    if (!isChanged && this.isComplete) return true;
    const read = new Map<string, Uint8Array | Error>();
    for (const file of changed) read.set(file.name, await contentOf(file));
    const again = await findFiles(this.#source.configPath);
    if (!isSame(again, found) && this.#unsettled <= patientLooks) {
      this.#found = again;
      return false;
    }
    const files = new Map<string, KnownFile>();
    for (const { name, mark } of found) {
      const known = this.#files.get(name);
      const content = read.get(name);
      if (content !== undefined) files.set(name, this.#read(name, mark, content));
      else if (known !== undefined) files.set(name, known);
    }
    for (const name of this.#files.keys()) {
      if (!files.has(name)) this.#context.records.replace(name, new Map());
    }
    this.#files = files;
    this.#take();
    return true;
  }

  #read(name: string, mark: string, data: Uint8Array | Error): KnownFile {
    const { records } = this.#context;
    try {
      if (data instanceof Error) throw new BrokenFile(name, errorText(data));
      const { manifests, remarks } = readResources(name, data);
      records.replace(name, remarks);
      return { mark, manifests, isBroken: false };
    } catch (error) {
      if (!(error instanceof BrokenFile)) throw error;
      records.replace(name, new Map([[error.place, `${error.message}; what the file had before stays`]]));
      return { mark, manifests: this.#files.get(name)?.manifests ?? [], isBroken: true };
    }
  }

  /** Takes over what all files have: of two resources of one name that of the first file counts. */
  #take(): void {
    const before = this.#manifests;
    const now = new Map<Unit, Manifest>();
    const repeated = new Map<string, string>();
    for (const [name, { manifests }] of this.#files) {
      for (const manifest of manifests) {
        const unit = unitOf(manifest);
        if (now.has(unit)) {
          repeated.set(
            `${name}: ${unit}`,
            "another file, or this one before, has it already: that one counts",
          );
        } else now.set(unit, manifest);
      }
    }
    // What a file doesn't have any more may be meant to be in one that can't be read.
    if (this.isUnsure) {
      for (const [unit, manifest] of before) if (!now.has(unit)) now.set(unit, manifest);
    }
    this.#manifests = now;
    const { sink, records } = this.#context;
    records.replace("all files", repeated);
    for (const [unit, manifest] of now) {
      const known = before.get(unit);
      if (known === manifest) continue;
      sink.changed(unit, weightOf(manifest) - (known === undefined ? 0 : weightOf(known)));
    }
    for (const [unit, manifest] of before) if (!now.has(unit)) sink.changed(unit, -weightOf(manifest));
  }
}

async function contentOf(file: FoundFile): Promise<Uint8Array | Error> {
  try {
    return await readFound(file);
  } catch (error) {
    return error instanceof Error ? error : new Error(errorText(error));
  }
}

function unitOf({ kind, metadata: { namespace, name } }: Manifest): Unit {
  return `${kind}/${namespace}/${name}`;
}

/** A resource without endpoints can be lost as well. */
function weightOf(manifest: Manifest): number {
  return Math.max(1, endpointCount(manifest));
}
