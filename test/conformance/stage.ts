import type { ChannelCredentials } from "@grpc/grpc-js";
import { expect } from "vitest";
import type { ResourceKind } from "../../shared/model/manifest.ts";
import type { Dialect } from "../../services/aggregator/xds/protocol.ts";
import { Peer } from "./peer.ts";
import type { PeerRequest, PeerResponse } from "./peer.ts";
import { Replica } from "./replica.ts";
import type { ReplicaOptions, Traits } from "./replica.ts";

/** The type that is asked for unless a step says otherwise. */
export const entries = "networking.istio.io/v1/ServiceEntry";

/** One line of a scenario. */
export type Step = (stage: Stage) => Promise<void> | void;

/** What a scenario expects of a dialect: one text for all, or one for each. */
export type Expected = string | Readonly<Record<Dialect, string>>;

/** In the order of state of the world, incremental, Delta. */
export function each(stateOfTheWorld: string, incremental: string, delta: string): Expected {
  return { stateOfTheWorld, incremental, delta };
}

/** How a stage is built. */
export interface StageOptions {
  readonly dialect: Dialect;
  readonly replica: ReplicaOptions;
  readonly credentials: ChannelCredentials;
}

/** The world of one scenario: two replicas with equal content, and a client that has one stream at a time. */
export class Stage implements AsyncDisposable {
  readonly dialect: Dialect;
  readonly #credentials: ChannelCredentials;
  readonly #replicas: readonly [Replica, Replica];
  #peer: Peer | undefined;
  /** Of this stream, by type: responses in order. */
  #responses = new Map<string, PeerResponse[]>();
  /** What the client has, by type and name: versions. It survives streams. */
  readonly #held = new Map<string, Map<string, string>>();
  #lastVersion = "";
  #fences = 0;
  #asksByName = false;

  private constructor({ dialect, credentials }: StageOptions, replicas: readonly [Replica, Replica]) {
    this.dialect = dialect;
    this.#credentials = credentials;
    this.#replicas = replicas;
  }

  static async open(options: StageOptions): Promise<Stage> {
    // The second one's log is another, younger one.
    const [one, two] = [await Replica.start("a", options.replica), await Replica.start("b", options.replica)];
    return new Stage(options, [one, two]);
  }

  /** A name without namespace is one of `shop`. */
  put(name: string, content: string, traits?: Traits): void {
    for (const replica of this.#replicas) replica.put(fullName(name), content, traits);
  }

  delete(name: string, kind?: ResourceKind): void {
    for (const replica of this.#replicas) replica.delete(fullName(name), kind);
  }

  openGate(): void {
    for (const replica of this.#replicas) replica.openGate();
  }

  /** Loses the stream, if there is one, and begins another. */
  connect(replica: 0 | 1, listener: number, metadata: Readonly<Record<string, string>>): void {
    this.#peer?.[Symbol.dispose]();
    this.#responses = new Map();
    const address = this.#replicas[replica].address(listener);
    this.#peer = new Peer(this.dialect, address, this.#credentials, metadata);
  }

  send(request: Partial<PeerRequest>): void {
    if (this.#peer === undefined) this.connect(0, 0, {});
    const nothing = {
      nonce: "",
      version: "",
      names: [],
      subscribe: [],
      unsubscribe: [],
      initialVersions: {},
    };
    this.#asksByName ||= this.dialect === "stateOfTheWorld" && (request.names ?? []).length > 0;
    this.#peer?.send({ typeUrl: entries, error: undefined, ...nothing, ...request });
  }

  /** A response of a type on this stream, counted from the end (0: the last one). */
  response(typeUrl: string, back = 0): PeerResponse {
    const response = this.#responses.get(typeUrl)?.at(-1 - back);
    if (response === undefined) throw new Error(`no such response of ${typeUrl}`);
    return response;
  }

  /** What the client has of a type, as a Delta client says it when it connects. */
  held(typeUrl: string): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#held.get(typeUrl) ?? []);
  }

  /** The version of the last response of all streams. */
  get lastVersion(): string {
    return this.#lastVersion;
  }

  /** Waits for a response, which the client takes. */
  async receive(): Promise<PeerResponse> {
    if (this.#peer === undefined) throw new Error("the client isn't connected");
    const response = await this.#peer.next();
    const { typeUrl, resources, removed } = response;
    const before = this.#responses.get(typeUrl);
    expect(response.nonce, "the nonce").not.toBe("");
    // In state of the world the nonce belongs to the content, so an answer for other names of it has the same one.
    if (!this.#asksByName) {
      expect(before?.map(({ nonce }) => nonce) ?? [], "nonces of before").not.toContain(response.nonce);
    }
    this.#responses.set(typeUrl, [...before ?? [], response]);
    const isWhole = this.dialect === "stateOfTheWorld" ||
      (this.dialect === "incremental" && before === undefined);
    const held = new Map(isWhole ? [] : this.#held.get(typeUrl));
    for (const [name, { version }] of resources) held.set(name, version);
    for (const name of removed) held.delete(name);
    this.#held.set(typeUrl, held);
    this.#lastVersion = response.version;
    return response;
  }

  /**
   * Holds that nothing was sent: what is asked now, a type that nobody has, is answered at once, and answers don't
   * overtake each other.
   */
  async expectSilence(): Promise<void> {
    const typeUrl = `test.example/v1/Fence${++this.#fences}`;
    this.send({ typeUrl });
    const response = await this.receive();
    expect(`${response.typeUrl}: ${shown(response)}`).toBe(`${typeUrl}: `);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#peer?.[Symbol.dispose]();
    await Promise.all(this.#replicas.map((replica) => replica[Symbol.asyncDispose]()));
  }
}

/** A response as scenarios write it: `a=1 b=2 -c`, in order of names. */
export function shown({ resources, removed }: PeerResponse): string {
  const there = [...resources].map(([name, { content }]) => `${shortName(name)}=${content}`).sort();
  return [...there, ...removed.map((name) => `-${shortName(name)}`).sort()].join(" ");
}

function fullName(name: string): string {
  return name === "*" || name.includes("/") ? name : `shop/${name}`;
}

function shortName(name: string): string {
  return name.startsWith("shop/") ? name.slice("shop/".length) : name;
}

/** Serves a resource. */
export function put(name: string, content: string | number, traits?: Traits): Step {
  return (stage) => stage.put(name, String(content), traits);
}

/** Serves a name no longer. */
export function drop(name: string, kind?: ResourceKind): Step {
  return (stage) => stage.delete(name, kind);
}

/** All sources have been read. */
export function openGate(): Step {
  return (stage) => stage.openGate();
}

/** Connects, anew if there is a stream: to a replica and one of its listeners, with more of node metadata. */
export function connect(
  { replica = 0, listener = 0, metadata = {} }: {
    readonly replica?: 0 | 1;
    readonly listener?: number;
    readonly metadata?: Readonly<Record<string, string>>;
  } = {},
): Step {
  return (stage) => stage.connect(replica, listener, metadata);
}

/** A type's first request on a stream: of everything, or of names. `having`: a Delta client says what it has. */
export function ask(
  { typeUrl = entries, names = [], having = false, nonce }: {
    readonly typeUrl?: string;
    readonly names?: readonly string[];
    readonly having?: boolean;
    readonly nonce?: string;
  } = {},
): Step {
  return (stage) => {
    const full = names.map(fullName);
    stage.send({
      typeUrl,
      names: full,
      subscribe: full,
      // istiod begins with a clock text.
      nonce: nonce ?? (stage.dialect === "stateOfTheWorld" ? "2026-11-22 16:00:00.1 +0000 UTC m=+0.1" : ""),
      initialVersions: having ? stage.held(typeUrl) : {},
    });
  };
}

/** A Delta client's first request, which says that it has a resource in some version. */
export function claim(name: string, version: string): Step {
  return (stage) => stage.send({ initialVersions: { [fullName(name)]: version } });
}

/** Accepts a response: the last one of a type, or one before it. May change what is subscribed. */
export function ack(
  { typeUrl = entries, back = 0, names = [], subscribe = [], unsubscribe = [] }: {
    readonly typeUrl?: string;
    readonly back?: number;
    readonly names?: readonly string[];
    readonly subscribe?: readonly string[];
    readonly unsubscribe?: readonly string[];
  } = {},
): Step {
  return (stage) => {
    const { nonce, version } = stage.response(typeUrl, back);
    const [whole, more, less] = [names.map(fullName), subscribe.map(fullName), unsubscribe.map(fullName)];
    stage.send({ typeUrl, nonce, version, names: whole, subscribe: more, unsubscribe: less });
  };
}

/** Refuses the last response. */
export function nack(error: string, typeUrl = entries): Step {
  return (stage) => stage.send({ typeUrl, nonce: stage.response(typeUrl).nonce, error });
}

/** A request with a nonce of the test's own, and what it subscribes in Delta. */
export function say(
  nonce: string,
  subscribe: readonly string[] = [],
  unsubscribe: readonly string[] = [],
): Step {
  return (stage) =>
    stage.send({ nonce, subscribe: subscribe.map(fullName), unsubscribe: unsubscribe.map(fullName) });
}

/** Waits for a response of a type with that content. */
export function gets(expected: Expected, typeUrl = entries): Step {
  return async (stage) => {
    const text = typeof expected === "string" ? expected : expected[stage.dialect];
    const response = await stage.receive();
    expect(`${response.typeUrl}: ${shown(response)}`).toBe(`${typeUrl}: ${text}`);
  };
}

/** {@link gets}, of a response whose version is that of the response before, of whatever stream. */
export function getsSameVersion(expected: Expected): Step {
  return async (stage) => {
    const version = stage.lastVersion;
    await gets(expected)(stage);
    expect(stage.lastVersion).toBe(version);
  };
}

/** Nothing was sent that hasn't been received. */
export function silence(): Step {
  return (stage) => stage.expectSilence();
}

/** Steps for one dialect only. */
export function only(dialect: Dialect, ...steps: readonly Step[]): Step {
  return async (stage) => {
    if (stage.dialect === dialect) { for (const step of steps) await step(stage); }
  };
}
