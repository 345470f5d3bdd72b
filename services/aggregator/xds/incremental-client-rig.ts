import { expect } from "vitest";
import type { ViewScope } from "../catalogue/catalogue-view.ts";
import { IncrementalStream } from "./incremental-stream.ts";
import type { IncrementalResponse } from "./incremental-stream.ts";
import type { SotwRequest } from "./sotw-stream.ts";
import { sortedContent } from "./stream-rig.ts";
import type { World } from "./stream-rig.ts";

/** A client of the istio-mcp library and its stream: the first response of a type on a stream replaces what it has. */
export class IncrementalClient {
  readonly #world: World;
  readonly #scope: Partial<ViewScope>;
  readonly #held = new Map<string, Map<string, string>>();
  /** Types that it got a response of on this stream. */
  readonly #begun = new Set<string>();
  stream = new IncrementalStream();
  /** Responses that it has not answered. */
  readonly inbox: IncrementalResponse[] = [];
  /** The responses on this stream that it has answered. */
  readonly answered: IncrementalResponse[] = [];
  /** All responses on this stream, in order. */
  responses: IncrementalResponse[] = [];

  constructor(world: World, scope: Partial<ViewScope> = {}) {
    this.#world = world;
    this.#scope = scope;
  }

  /** Sends a request; what isn't given is empty. */
  request(typeUrl: string, request: Partial<SotwRequest> = {}): IncrementalResponse[] {
    const whole = { typeUrl, responseNonce: "", resourceNames: [], error: undefined, ...request };
    return this.#take(this.stream.onRequest(whole, this.#world.view(this.#scope)));
  }

  /** Lets the stream send what changed. */
  change(): IncrementalResponse[] {
    return this.#take(this.stream.onChange(this.#world.view(this.#scope)));
  }

  /** Accepts the oldest unanswered response. */
  ack(request: Partial<SotwRequest> = {}): IncrementalResponse[] {
    const response = this.inbox.shift();
    if (response === undefined) throw new Error("there is no response to answer");
    this.answered.push(response);
    const held = this.held(response.typeUrl);
    if (!this.#begun.has(response.typeUrl)) {
      expect(response.removals, "a deletion in a complete response").toEqual([]);
      held.clear();
    }
    this.#begun.add(response.typeUrl);
    for (const { name, version } of response.parts.flat()) held.set(name, version);
    for (const { name } of response.removals) held.delete(name);
    return this.request(response.typeUrl, { responseNonce: response.nonce, ...request });
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
    this.stream = new IncrementalStream();
    this.#begun.clear();
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

  #take(responses: IncrementalResponse[]): IncrementalResponse[] {
    for (const response of responses) {
      expect(this.inbox.map(({ typeUrl }) => typeUrl)).not.toContain(response.typeUrl);
      const before = this.responses.findLast(({ typeUrl }) => typeUrl === response.typeUrl);
      expect(response.nonce > (before?.nonce ?? ""), "nonces rise").toBe(true);
      this.inbox.push(response);
      this.responses.push(response);
    }
    return responses;
  }
}

/** A response as a test compares it. */
export function shownIncrements(responses: readonly IncrementalResponse[]): string[] {
  return responses.map(({ parts, removals }) =>
    [
      ...parts.flat().map(({ name, version }) => `${name}=${version}`),
      ...removals.map(({ name, revisioned }) => `-${name}${revisioned ? "@" : ""}`),
    ].join(" ")
  );
}
