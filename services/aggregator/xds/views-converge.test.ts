import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DeltaClient } from "./delta-client-rig.ts";
import { IncrementalClient } from "./incremental-client-rig.ts";
import type { SotwResponse, SotwView } from "./sotw-stream.ts";
import { SotwStream } from "./sotw-stream.ts";
import { entries, sidecars, sortedContent, World } from "./stream-rig.ts";

/**
 * After any history of changes, lost streams, refusals and reordered ACKs, a client that answers in the end has what
 * the cache has; and no ACK but that of the last response ever causes one.
 */

const names = ["n/a", "n/b", "n/c", "n/d"];
const typeUrls = [entries, sidecars];
const kindOf = (typeUrl: string) => typeUrl === entries ? "ServiceEntry" : "Sidecar";

const change = fc.oneof(
  fc.record({
    do: fc.constant("put" as const),
    name: fc.constantFrom(...names),
    content: fc.constantFrom("1", "2", "3"),
    kind: fc.constantFrom("ServiceEntry" as const, "Sidecar" as const),
    revision: fc.constantFrom(undefined, undefined, "canary", "stable"),
  }),
  fc.record({
    do: fc.constant("delete" as const),
    name: fc.constantFrom(...names),
    kind: fc.constantFrom("ServiceEntry" as const, "Sidecar" as const),
  }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

const answer = fc.record({
  do: fc.constantFrom("ack" as const, "stale" as const, "reconnect" as const, "wait" as const),
});

function apply(world: World, step: Change): void {
  if (step.do === "delete") world.delete(step.name, step.kind);
  else {world.put(step.name, step.content, {
      kind: step.kind,
      ...(step.revision && { revision: step.revision }),
    });}
}

/** Small parts, so that answers of two resources are in pieces already. */
const partBytes = 60;

// Many histories take their time on a busy machine.
describe("each client's view", { timeout: 60_000 }, () => {
  test("in the Delta protocol, of everything", () => {
    const nack = fc.record({
      do: fc.constant("nack" as const),
      error: fc.constantFrom("bad", "n/a is bad", "n/b, n/c"),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(change, answer, nack), { maxLength: 60 }), (steps) => {
        const world = new World(partBytes);
        const client = new DeltaClient(world, { maxMessageBytes: partBytes });
        const connect = () => {
          for (const typeUrl of typeUrls) {
            client.request(typeUrl, { initialVersions: Object.fromEntries(client.held(typeUrl)) });
          }
        };
        connect();
        for (const step of steps) {
          if (step.do === "put" || step.do === "delete") {
            apply(world, step);
            client.change();
          } else if (step.do === "stale") {
            client.change();
            for (const { typeUrl, nonce } of client.answered) {
              expect(client.request(typeUrl, { responseNonce: nonce })).toEqual([]);
            }
            expect(client.request(entries, { responseNonce: "invented" })).toEqual([]);
          } else if (step.do === "reconnect") {
            client.reconnect();
            connect();
          } else if (step.do === "wait") {
            world.nowMs += 15_000;
            client.change();
          } else if (step.do === "ack") {
            if (client.inbox.length > 0) client.ack();
          } else if ("error" in step && client.inbox.length > 0) client.nack(step.error);
        }
        for (let round = 0; round < 20; round++) {
          client.settle();
          world.nowMs += 1_000_000;
          client.change();
        }
        for (const typeUrl of typeUrls) {
          expect(client.content(typeUrl)).toEqual(world.content(kindOf(typeUrl)));
        }
        expect(client.inbox).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  test("in the Delta protocol, of names that it subscribes and gives up", () => {
    const subscription = fc.record({
      do: fc.constant("subscribe" as const),
      subscribe: fc.uniqueArray(fc.constantFrom("*", ...names), { maxLength: 2 }),
      unsubscribe: fc.uniqueArray(fc.constantFrom("*", ...names), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(change, answer, subscription), { maxLength: 60 }), (steps) => {
        const world = new World(partBytes);
        const client = new DeltaClient(world, { maxMessageBytes: partBytes });
        const wanted = new Set<string>(["n/a"]);
        const wants = (name: string) => wanted.has("*") || wanted.has(name);
        const forget = () => {
          for (const name of client.held(entries).keys()) if (!wants(name)) client.held(entries).delete(name);
        };
        const connect = () => {
          const initialVersions = Object.fromEntries(client.held(entries));
          // A first request without names would ask for everything.
          client.request(entries, {
            subscribe: wanted.size === 0 ? ["n/none"] : [...wanted],
            initialVersions,
          });
        };
        connect();
        for (const step of steps) {
          if (step.do === "put" || step.do === "delete") {
            apply(world, step);
            client.change();
          } else if (step.do === "subscribe") {
            for (const name of step.subscribe) wanted.add(name);
            for (const name of step.unsubscribe) wanted.delete(name);
            client.request(entries, { ...step, responseNonce: "stale" });
            forget();
          } else if (step.do === "reconnect") {
            client.reconnect();
            connect();
          } else if (step.do === "ack" && client.inbox.length > 0) {
            client.ack();
            forget();
          }
        }
        client.change();
        client.settle();
        forget();
        const expected = Object.entries(world.content()).filter(([name]) => wants(name));
        expect(client.content(entries)).toEqual(sortedContent(expected));
      }),
      { numRuns: 400 },
    );
  });

  test.each([[[]], [["canary"]]])("in the incremental dialect, of revisions %j", (revisions: string[]) => {
    fc.assert(
      fc.property(fc.array(fc.oneof(change, answer), { maxLength: 60 }), (steps) => {
        const world = new World(partBytes);
        const client = new IncrementalClient(world, { revisions });
        const connect = () => {
          for (const typeUrl of typeUrls) client.request(typeUrl);
        };
        connect();
        for (const step of steps) {
          if (step.do === "put" || step.do === "delete") {
            apply(world, step);
            client.change();
          } else if (step.do === "stale") {
            for (const { typeUrl, nonce } of client.answered) {
              expect(client.request(typeUrl, { responseNonce: nonce })).toEqual([]);
            }
            expect(client.request(entries, { responseNonce: "invented" })).toEqual([]);
          } else if (step.do === "reconnect") {
            client.reconnect();
            connect();
          } else if (step.do === "ack" && client.inbox.length > 0) client.ack();
        }
        client.settle();
        for (const typeUrl of typeUrls) {
          expect(client.content(typeUrl)).toEqual(world.content(kindOf(typeUrl), { revisions }));
        }
      }),
      { numRuns: 400 },
    );
  });

  test.each([[[]], [["canary"]]])("in state of the world, of revisions %j", (revisions: string[]) => {
    fc.assert(
      fc.property(fc.array(fc.oneof(change, answer), { maxLength: 60 }), (steps) => {
        const world = new World();
        const held = new Map<string, Record<string, string>>();
        let stream = new SotwStream(0);
        let inbox: { response: SotwResponse; content: Record<string, string> }[] = [];
        let answered: SotwResponse[] = [];
        const kindView = (): SotwView => ({
          version: (kind) => JSON.stringify(world.content(kind, { revisions })),
          nonce: (kind, version) => `${kind}${version}`,
          nowMs: 0,
        });
        const take = (responses: readonly SotwResponse[]) => {
          for (const response of responses) {
            expect(inbox.some(({ response: { typeUrl } }) => typeUrl === response.typeUrl)).toBe(false);
            inbox.push({ response, content: world.content(response.kind, { revisions }) });
          }
        };
        const connect = () => {
          for (const typeUrl of typeUrls) {
            take(
              stream.onRequest(
                { typeUrl, responseNonce: "clock", resourceNames: [], error: undefined },
                kindView(),
              ),
            );
          }
        };
        const ack = () => {
          const oldest = inbox.shift();
          if (oldest === undefined) return;
          held.set(oldest.response.typeUrl, oldest.content);
          answered.push(oldest.response);
          const { typeUrl, nonce } = oldest.response;
          take(
            stream.onRequest(
              { typeUrl, responseNonce: nonce, resourceNames: [], error: undefined },
              kindView(),
            ),
          );
        };
        connect();
        for (const step of steps) {
          if (step.do === "put" || step.do === "delete") {
            apply(world, step);
            take(stream.onChange(kindView()));
          } else if (step.do === "stale") {
            const request = {
              typeUrl: entries,
              responseNonce: "invented",
              resourceNames: [],
              error: undefined,
            };
            expect(stream.onRequest(request, kindView())).toEqual([]);
          } else if (step.do === "reconnect") {
            stream = new SotwStream(0);
            inbox = [];
            answered = [];
            connect();
          } else if (step.do === "ack") ack();
        }
        while (inbox.length > 0) ack();
        for (const typeUrl of typeUrls) {
          expect(held.get(typeUrl)).toEqual(world.content(kindOf(typeUrl), { revisions }));
        }
      }),
      { numRuns: 200 },
    );
  });
});
