import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KubernetesError } from "../kubernetes-error.ts";
import { decodeItem, decodeListHead, decodeStatusText, decodeWatchLine, keyOf } from "./decode.ts";

const metadata = { name: "a", namespace: "ns", uid: "u", resourceVersion: "7" };

/** The reason of what is thrown; undefined if nothing is. */
function reasonOf(body: () => unknown): unknown {
  try {
    body();
    return undefined;
  } catch (error) {
    return error instanceof KubernetesError ? error.reason : error;
  }
}

describe("decoding", () => {
  test("gives the identity of an object and leaves the rest as it is", () => {
    const json = { kind: "Service", metadata, spec: { odd: [1, null] } };
    const object = decodeItem(JSON.stringify(json));
    expect(object).toEqual({ name: "a", namespace: "ns", uid: "u", resourceVersion: "7", json });
    expect(keyOf(object)).toBe("ns/a");
    expect(keyOf(decodeItem('{"metadata":{"name":"n","resourceVersion":"1"}}'))).toBe("/n");
  });

  test("tells a bookmark from the one that ends the initial events", () => {
    const bookmark = (annotations: unknown) =>
      decodeWatchLine(
        JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: "9", annotations } } }),
      );
    const ended = { "k8s.io/initial-events-end": "true" };
    expect(bookmark(ended)).toMatchObject({ resourceVersion: "9", endsInitialEvents: true });
    for (const annotations of [undefined, null, {}, { "k8s.io/initial-events-end": "false" }]) {
      expect(bookmark(annotations)).toMatchObject({ endsInitialEvents: false });
    }
  });

  test("takes the token of a further page, and none where it is empty", () => {
    const head = (token: unknown) =>
      decodeListHead(JSON.stringify({ metadata: { resourceVersion: "5", continue: token }, items: [] }));
    expect(head("t")).toEqual({ resourceVersion: "5", continueToken: "t" });
    for (const token of [undefined, null, ""]) expect(head(token).continueToken).toBeUndefined();
  });

  test("reads a Status leniently: whatever comes with an error's status", () => {
    expect(decodeStatusText('{"code":410,"reason":"Expired","details":{"retryAfterSeconds":3}}')).toEqual({
      code: 410,
      reason: "Expired",
      message: "",
      retryAfterSeconds: 3,
    });
    expect(decodeStatusText("<html>\n").message).toBe("<html>");
    expect(decodeStatusText('"text"').code).toBe(0);
    expect(decodeStatusText('{"code":"x","message":5,"details":7}')).toMatchObject({ code: 0, message: "" });
  });

  test("whatever is sent: it is understood, or it is a violation of the protocol", () => {
    const part = fc.oneof(
      fc.jsonValue(),
      fc.record({ metadata: fc.oneof(fc.jsonValue(), fc.constant(metadata)), code: fc.jsonValue() }),
    );
    const event = fc.record({
      type: fc.oneof(fc.constantFrom("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"), fc.jsonValue()),
      object: part,
    });
    const text = fc.oneof(
      fc.string(),
      event.map((value) => JSON.stringify(value)),
      part.map((v) => JSON.stringify(v)),
    );
    fc.assert(fc.property(text, (line) => {
      for (const decode of [decodeWatchLine, decodeItem, decodeListHead]) {
        expect([undefined, "protocol"]).toContain(reasonOf(() => decode(line)));
      }
      expect(typeof decodeStatusText(line).message).toBe("string");
    }));
  });
});
