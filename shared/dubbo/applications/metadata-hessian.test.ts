import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isMeshError } from "../../runtime/errors.ts";
import { hessianMap, HessianReader, hessianText } from "./metadata-hessian.ts";

function read(...bytes: readonly number[]): unknown {
  return new HessianReader(Uint8Array.from(bytes)).read();
}

const codes = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));

// Examples of the specification, hessian.caucho.com/doc/hessian-serialization.html.
describe("HessianReader", () => {
  it("reads numbers of all lengths", () => {
    expect(
      [[0x90], [0x80], [0xbf], [0xc8, 0x00], [0xc0, 0x00], [0xcf, 0xff], [0xd4, 0, 0], [0xd0, 0, 0]].map((
        bytes,
      ) => read(...bytes)),
    ).toEqual([0, -16, 47, 0, -2048, 2047, 0, -262144]);
    expect(read(0xd7, 0xff, 0xff)).toBe(262143);
    expect(read(0x49, 0, 4, 0, 0)).toBe(262144);
    expect(
      [[0xe0], [0xd8], [0xef], [0xf8, 0], [0xf0, 0], [0xf7, 0], [0x3c, 0, 0], [0x38, 0, 0]].map((bytes) =>
        read(...bytes)
      ),
    ).toEqual([0, -8, 15, 0, -2048, -256, 0, -262144]);
    expect(read(0x59, 0xff, 0xff, 0xff, 0xfe)).toBe(-2);
    expect(read(0x4c, 0, 0, 0, 1, 0, 0, 0, 0)).toBe(2 ** 32);
    expect(
      [[0x5b], [0x5c], [0x5d, 0x80], [0x5e, 0x7f, 0xff], [0x5f, 0, 0, 0x2f, 0xda]].map((bytes) =>
        read(...bytes)
      ),
    )
      .toEqual([0, 1, -128, 32767, 12.25]);
    expect(read(0x44, 0x40, 0x28, 0x80, 0, 0, 0, 0, 0)).toBe(12.25);
  });

  it("reads dates, truth values and nothing", () => {
    expect(read(0x4a, 0, 0, 0, 0xd0, 0x4b, 0x92, 0x84, 0xb8)).toBe(Date.UTC(1998, 4, 8, 9, 51, 31));
    expect(read(0x4b, 0, 0xe3, 0x83, 0x8f)).toBe(Date.UTC(1998, 4, 8, 9, 51));
    expect([read(0x54), read(0x46), read(0x4e)]).toEqual([true, false, null]);
  });

  it("reads texts and binary data in pieces", () => {
    expect(read(0x05, ...codes("hello"))).toBe("hello");
    expect(read(0x01, 0xc3, 0x83)).toBe("\u00c3");
    expect(read(0x52, 0, 5, ...codes("hello"), 0x53, 0, 6, ...codes(" world"))).toBe("hello world");
    expect(read(0x23, 1, 2, 3)).toEqual(Buffer.of(1, 2, 3));
    expect(read(0x41, 0, 2, 1, 2, 0x42, 0, 1, 3)).toEqual(Buffer.of(1, 2, 3));
  });

  it("reads lists and maps of every form", () => {
    const typed = codes("[int");
    expect(read(0x57, 0x90, 0x91, 0x5a)).toEqual([0, 1]);
    expect(read(0x55, 4, ...typed, 0x90, 0x91, 0x5a)).toEqual([0, 1]);
    expect(read(0x56, 4, ...typed, 0x92, 0x90, 0x91)).toEqual([0, 1]);
    expect(read(0x58, 0x92, 0x90, 0x91)).toEqual([0, 1]);
    expect(read(0x7a, 0x72, 4, ...typed, 0x90, 0x91, 0x72, 0x90, 0x92, 0x93)).toEqual([[0, 1], [2, 3]]);
    expect(read(0x4d, 3, ...codes("map"), 1, ...codes("a"), 0x91, 0x5a)).toEqual({ a: 1 });
    expect(read(0x48, 0x91, 1, ...codes("b"), 0x5a)).toEqual({ 1: "b" });
  });

  it("reads objects, each class defined once, and references", () => {
    const car = [0x43, 3, ...codes("Car"), 0x92, 5, ...codes("color"), 5, ...codes("model")];
    const red = [0x60, 3, ...codes("red"), 4, ...codes("vett")];
    expect(read(0x7b, ...car, ...red, 0x4f, 0x90, 4, ...codes("blue"), 0x51, 0x91, 0x51, 0x92)).toEqual([
      { color: "red", model: "vett" },
      { color: "blue", model: { color: "red", model: "vett" } },
      { color: "blue", model: { color: "red", model: "vett" } },
    ]);
  });

  it("refuses what is cut off, nested without end or refers to nothing, and never anything but that", () => {
    expect(() => read(...Array.from({ length: 1_000 }, () => 0x57))).toThrow(/nested/);
    expect(() => read(0x51, 0x95)).toThrow(/refer/);
    expect(() => read(0x60)).toThrow(/class/);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        new HessianReader(bytes).read();
      } catch (error) {
        expect(isMeshError(error, "protocol-violation")).toBe(true);
      }
    }));
  });
});

describe("hessianText and hessianMap", () => {
  it("write what is read back", () => {
    const text = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 3_000 })
      .map((units) => String.fromCharCode(...units));
    fc.assert(fc.property(text, (value) => {
      const reader = new HessianReader(hessianText(value));
      expect(reader.read()).toBe(value);
      expect(reader.done).toBe(true);
    }));
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.string()), (value) => {
      expect(Object.fromEntries(Object.entries(new HessianReader(hessianMap(value)).read() ?? {}))).toEqual({
        ...value,
      });
    }));
    expect(new HessianReader(hessianText("x".repeat(40_000))).read()).toHaveLength(40_000);
  });
});
