import { createRequire } from "node:module";
import { errorText, MeshError } from "../../runtime/errors.ts";
import type { NodeStat } from "../zookeeper.ts";

declare global {
  // Deno's type check of entry points knows it only if told so.
  interface ImportMeta {
    url: string;
  }
}

/** A Stat as the `zookeeper` package gives it: only what we look at. */
export interface NativeStat {
  /** A `long`, as a number: exact up to 2^53. */
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly version: number;
  readonly cversion: number;
  readonly numChildren: number;
  /** In hexadecimal. */
  readonly ephemeralOwner: string;
}

/** How a call ended: 0, or ZooKeeper's number of an error. */
type Outcome = (code: number, text: string) => void;
type StatOutcome = (code: number, text: string, stat: NativeStat | null) => void;

/** A session of the `zookeeper` package: only what we use. Each call answers 0, or the number of an error. */
export interface NativeSession {
  init(config: {
    readonly connect: string;
    readonly timeout: number;
    /** 0: it writes nothing to standard error. */
    readonly debug_level: 0;
    /** The package ends a session after so many turns in a row that brought nothing. */
    readonly response_counter_limit: number;
  }): void;
  close(): void;
  on(event: "close", listener: (session: unknown, code: number) => void): void;
  on(
    event: "connect" | "connecting" | "created" | "deleted" | "changed" | "child",
    listener: (session: unknown, path: string) => void,
  ): void;
  add_auth(scheme: string, auth: string, done: Outcome): number;
  a_create(
    path: string,
    data: Buffer,
    flags: number,
    done: (code: number, text: string, path: string) => void,
  ): number;
  a_set_acl(
    path: string,
    version: number,
    acl: readonly { readonly perms: number; readonly scheme: string; readonly auth: string }[],
    done: Outcome,
  ): number;
  a_set(path: string, data: Buffer, version: number, done: StatOutcome): number;
  a_delete_(path: string, version: number, done: Outcome): number;
  a_sync(path: string, done: Outcome): number;
  a_exists(path: string, watch: boolean, done: StatOutcome): number;
  a_get(
    path: string,
    watch: boolean,
    done: (code: number, text: string, stat: NativeStat | null, data: Buffer | null) => void,
  ): number;
  a_get_children2(
    path: string,
    watch: boolean,
    done: (code: number, text: string, names: readonly string[] | null, stat: NativeStat | null) => void,
  ): number;
}

/** The version that this was written and tested with. */
const testedVersion = "7.3.0";

/**
 * Loads the `zookeeper` package, which wraps ZooKeeper's C client, and answers what makes sessions. It is an optional
 * peer dependency, which isn't installed by itself: that compiles C for half a minute, for the Node that npm runs on,
 * which needn't be the one that we run on.
 * @throws MeshError `configuration` if it isn't installed, was built for another Node, or this is Deno.
 */
export function loadNativePackage(): () => NativeSession {
  if ("Deno" in globalThis) {
    throw new MeshError("configuration", 'driver "native" needs Node: use driver "pure" on Deno');
  }
  let loaded: unknown;
  try {
    // A CommonJS package. Unlike an import this also looks where NODE_PATH says.
    loaded = createRequire(import.meta.url)("zookeeper");
  } catch (error) {
    const how = `install it by "npm install --no-save zookeeper@${testedVersion}", or use driver "pure"`;
    const text = `driver "native" can't load the package "zookeeper" (${
      firstLine(errorText(error))
    }): ${how}`;
    throw new MeshError("configuration", text, { cause: error });
  }
  if (typeof loaded !== "function") {
    throw new MeshError(
      "configuration",
      'the package "zookeeper" isn\'t the one that we know: it has no class',
    );
  }
  const session = loaded;
  return () => {
    // The package's own word for its types; the suite shows that they hold for the tested version.
    const constructed: NativeSession = Reflect.construct(session, [{}]);
    return constructed;
  };
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? text;
}

/** A Stat as our interface has it. */
export function nodeStat(stat: NativeStat): NodeStat {
  return {
    czxid: BigInt(stat.czxid),
    mzxid: BigInt(stat.mzxid),
    pzxid: BigInt(stat.pzxid),
    version: stat.version,
    cversion: stat.cversion,
    ephemeralOwner: BigInt(`0x${stat.ephemeralOwner}`),
    childCount: stat.numChildren,
  };
}
