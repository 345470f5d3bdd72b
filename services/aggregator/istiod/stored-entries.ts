import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { Config } from "../../../shared/config/mod.ts";
import { Turns } from "../../../shared/runtime/turns.ts";
import { ArrayItems } from "./array-items.ts";

/** The versions of the ServiceEntries that an istiod has, by `<namespace>/<name>`. */
export type StoredEntries = ReadonlyMap<string, string>;

/** So long an istiod has for its answer, in milliseconds: ten thousand entries are some 50 MB. */
const patienceMs = 5_000;

/** So long an answer counts, in milliseconds: several traces in a row ask once. */
const freshMs = 2_000;

const Stored = z.object({
  kind: z.string(),
  metadata: z.object({
    namespace: z.string().default(""),
    name: z.string(),
    resourceVersion: z.string().default(""),
  }),
});

/** Asks the debug APIs of istiods (`istiod.debug`) for what they have stored, by `/debug/configz`. */
export class IstiodReader {
  readonly #config: Config["istiod"];
  readonly #answers = new Map<
    string,
    { readonly sinceMs: number; readonly entries: Promise<StoredEntries> }
  >();

  constructor(config: Config["istiod"]) {
    this.#config = config;
  }

  /** The addresses that are asked. */
  get addresses(): readonly string[] {
    return this.#config.debug;
  }

  /**
   * What the istiod at an address has, or had less than two seconds ago.
   * @throws Error with the reason for a person, if it doesn't answer
   */
  async entriesAt(address: string): Promise<StoredEntries> {
    const known = this.#answers.get(address);
    if (known !== undefined && performance.now() - known.sinceMs < freshMs) return await known.entries;
    const entries = this.#read(address);
    this.#answers.set(address, { sinceMs: performance.now(), entries });
    return await entries;
  }

  async #read(address: string): Promise<StoredEntries> {
    const { bearerFile } = this.#config;
    const headers = bearerFile === ""
      ? {}
      : { authorization: `Bearer ${(await readFile(bearerFile, "utf8")).trim()}` };
    const signal = AbortSignal.timeout(patienceMs);
    const response = await fetch(new URL("/debug/configz", address), { headers, signal, redirect: "error" });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new Error(`it answers with ${response.status}`);
    }
    const entries = new Map<string, string>();
    const items = new ArrayItems();
    const turns = new Turns();
    for await (const piece of response.body) {
      for (const text of items.add(piece)) {
        if (turns.isOver) await turns.next();
        const stored = Stored.safeParse(JSON.parse(text));
        if (stored.data?.kind !== "ServiceEntry") continue;
        const { namespace, name, resourceVersion } = stored.data.metadata;
        entries.set(`${namespace}/${name}`, resourceVersion);
      }
    }
    items.end();
    return entries;
  }
}
