import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MessageReader } from "./message-reader.ts";

function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

describe("MessageReader", () => {
  test("finds all messages, however the bytes are cut", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
    fc.assert(fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 })), (sent, cuts) => {
      let rest = Buffer.concat(sent.map(framed));
      const reader = new MessageReader(100);
      const received: Buffer[] = [];
      for (const cut of [...cuts, rest.length]) {
        received.push(...reader.read(rest.subarray(0, cut)));
        rest = rest.subarray(cut);
      }
      expect(received.map((bytes) => [...bytes])).toEqual(sent.map((bytes) => [...bytes]));
    }));
  });

  test("refuses a message that is too long, from its prefix on", () => {
    const prefix = Buffer.from([0, 0, 0, 0, 101]);
    expect(() => new MessageReader(100).read(prefix)).toThrow(/101 bytes, at most 100/);
  });

  test("refuses a compressed message", () => {
    expect(() => new MessageReader(100).read(Buffer.from([1, 0, 0, 0, 0]))).toThrow(/compressed/);
  });
});
