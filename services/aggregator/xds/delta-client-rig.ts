import { expect } from "vitest";
import type { ViewScope } from "../catalogue/catalogue-view.ts";
import { DeltaStream } from "./delta-stream.ts";
import type { DeltaLimits, DeltaRequest, DeltaResponse } from "./delta-stream.ts";
import { sortedContent } from "./stream-rig.ts";
import type { World } from "./stream-rig.ts";

/** A Delta client and its stream: it has what it accepted, and may reconnect with it. */
export class DeltaClient {
  readonly #world: World;
  readonly #limits: DeltaLimits;
  readonly #scope: Partial<ViewScope>;
  readonly #held = new Map<string, Map<string, string>>();
  stream: DeltaStream;
  /** Responses that it has not answered. */
  readonly inbox: DeltaResponse[] = [];
  /** The responses on this stream that it has answered. */
  readonly answered: DeltaResponse[] = [];
  /** All responses on this stream, in order. */
  responses: DeltaResponse[] = [];

  constructor(world: World, limits: Partial<DeltaLimits> = {}, scope: Partial<ViewScope> = {}) {
    this.#world = world;
    this.#scope = scope;
    this.#limits = { maxMessageBytes: 1_000_000, nackBackoffMs: 10_000, ...limits };
    this.stream = new DeltaStream(this.#limits, "n");
  }

  /** Sends a request; what isn't given is empty. */
  request(typeUrl: string, request: Partial<DeltaRequest> = {}): DeltaResponse[] {
    const whole = {
      typeUrl,
      responseNonce: "",
      subscribe: [],
      unsubscribe: [],
      initialVersions: {},
      error: undefined,
      ...request,
    };
    return this.#take(this.stream.onRequest(whole, this.#world.view(this.#scope)));
  }

  /** Lets the stream send what changed. */
  change(): DeltaResponse[] {
    return this.#take(this.stream.onChange(this.#world.view(this.#scope)));
  }

  /** Accepts the oldest unanswered response, with further wishes. */
  ack(request: Partial<DeltaRequest> = {}): DeltaResponse[] {
    const response = this.#next();
    const held = this.held(response.typeUrl);
    for (const { name, version } of response.resources) held.set(name, version);
    for (const name of response.removed) held.delete(name);
    return this.request(response.typeUrl, { responseNonce: response.nonce, ...request });
  }

  /** Refuses the oldest unanswered response. */
  nack(error: string): DeltaResponse[] {
    const response = this.#next();
    return this.request(response.typeUrl, { responseNonce: response.nonce, error });
  }

  /** Accepts until nothing is left. */
  settle(): void {
    for (let round = 0; this.inbox.length > 0; round++) {
      expect(round, "doesn't come to rest").toBeLessThan(1000);
      this.ack();
    }
  }

  /** Loses the stream, with what is unanswered, and begins another. */
  reconnect(): void {
    this.stream = new DeltaStream(this.#limits, "n");
    this.inbox.length = 0;
    this.answered.length = 0;
    this.responses = [];
  }

  /** What it has of a type, by name. */
  held(typeUrl: string): Map<string, string> {
    let held = this.#held.get(typeUrl);
    if (held === undefined) this.#held.set(typeUrl, held = new Map());
    return held;
  }

  /** What it has of a type, in order of names. */
  content(typeUrl: string): Record<string, string> {
    return sortedContent(this.held(typeUrl));
  }

  #next(): DeltaResponse {
    const response = this.inbox.shift();
    if (response === undefined) throw new Error("there is no response to answer");
    this.answered.push(response);
    return response;
  }

  #take(responses: DeltaResponse[]): DeltaResponse[] {
    for (const response of responses) {
      const types = this.inbox.map(({ typeUrl }) => typeUrl);
      expect(types, "two responses of one type in flight").not.toContain(response.typeUrl);
      const names = [...response.resources.map(({ name }) => name), ...response.removed];
      expect(new Set(names).size, "a name twice in one response").toBe(names.length);
      this.inbox.push(response);
      this.responses.push(response);
    }
    return responses;
  }
}

/** A response as a test compares it: what is new or changed, what is gone. */
export function shown(responses: readonly DeltaResponse[]): string[] {
  return responses.map(({ resources, removed }) =>
    [...resources.map(({ name, version }) => `${name}=${version}`), ...removed.map((name) => `-${name}`)]
      .join(" ")
  );
}
