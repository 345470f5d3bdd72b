import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../runtime/errors.ts";
import { opCodes, opName } from "./codes.ts";
import type { OpName } from "./codes.ts";
import { FrameSplitter } from "./frame-splitter.ts";
import { JuteReader, JuteWriter } from "./jute.ts";
import type { Codec } from "./jute.ts";
import { connectRequest, connectResponse, replyHeader, watcherEvent } from "./records.ts";
import { readReply, writeError, writeEvent, writeReply } from "./replies.ts";
import type { Replies } from "./replies.ts";
import { readRequest, writeRequest } from "./requests.ts";
import type { Request, Requests } from "./requests.ts";

const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const path = fc.string({ unit: "grapheme" }).map((name) => `/${name}`);
const paths = fc.array(path);
const bytes = fc.uint8Array();
const data = fc.option(bytes, { nil: undefined });
const acl = fc.array(fc.record({ permissions: int, scheme: fc.string(), id: fc.string() }));
const stat = fc.record({
  czxid: long,
  mzxid: long,
  ctime: long,
  mtime: long,
  version: int,
  cversion: int,
  aversion: int,
  ephemeralOwner: long,
  dataLength: int,
  numChildren: int,
  pzxid: long,
});
const oneShots = { relativeZxid: long, data: paths, exist: paths, child: paths };

const read = <const Op>(op: Op) => fc.record({ op: fc.constant(op), path, watch: fc.boolean() });
const create = <const Op>(op: Op) => fc.record({ op: fc.constant(op), path, data, acl, flags: int });
const onPath = <const Op>(op: Op) => fc.record({ op: fc.constant(op), path });

const requests: { readonly [Op in OpName]: fc.Arbitrary<Requests[Op]> } = {
  create: create("create"),
  create2: create("create2"),
  delete: fc.record({ op: fc.constant("delete"), path, version: int }),
  exists: read("exists"),
  getData: read("getData"),
  setData: fc.record({ op: fc.constant("setData"), path, data, version: int }),
  getAcl: onPath("getAcl"),
  getChildren: read("getChildren"),
  getChildren2: read("getChildren2"),
  multiRead: fc.record({ op: fc.constant("multiRead"), paths }),
  sync: onPath("sync"),
  ping: fc.constant({ op: "ping" }),
  auth: fc.record({ op: fc.constant("auth"), scheme: fc.string(), auth: data }),
  setWatches: fc.record({ op: fc.constant("setWatches"), ...oneShots }),
  setWatches2: fc.record({
    op: fc.constant("setWatches2"),
    ...oneShots,
    persistent: paths,
    persistentRecursive: paths,
  }),
  addWatch: fc.record({ op: fc.constant("addWatch"), path, mode: int }),
  closeSession: fc.constant({ op: "closeSession" }),
};
const anyRequest: fc.Arbitrary<Request> = fc.oneof(...Object.values(requests));

const replies: { readonly [Op in OpName]: fc.Arbitrary<Replies[Op]> } = {
  create: fc.record({ path }),
  create2: fc.record({ path, stat }),
  delete: fc.constant(undefined),
  exists: fc.record({ stat }),
  getData: fc.record({ data, stat }),
  setData: fc.record({ stat }),
  getAcl: fc.record({ acl, stat }),
  getChildren: fc.record({ names: paths }),
  getChildren2: fc.record({ names: paths, stat }),
  multiRead: fc.record({ results: fc.array(fc.oneof(paths, int)) }),
  sync: fc.record({ path }),
  ping: fc.constant(undefined),
  auth: fc.constant(undefined),
  setWatches: fc.constant(undefined),
  setWatches2: fc.constant(undefined),
  addWatch: fc.constant(undefined),
  closeSession: fc.constant(undefined),
};
const ops = Object.keys(opCodes).filter((name): name is OpName => Object.hasOwn(opCodes, name));

/** The contents of the frames that were written. */
function frames(writer: JuteWriter): Buffer[] {
  const found: Buffer[] = [];
  new FrameSplitter(2 ** 31 - 1).push(writer.take(), (frame) => found.push(frame));
  return found;
}

function onlyFrame(writer: JuteWriter): Buffer {
  const [frame, ...others] = frames(writer);
  if (frame === undefined || others.length > 0) throw new Error("expected one frame");
  return frame;
}

/** Reads every beginning of a frame that lacks something: each must end in the typed error, or be fine. */
function readTruncated(frame: Buffer, read: (frame: Buffer) => unknown): void {
  for (let length = 0; length < frame.length; length++) {
    try {
      read(frame.subarray(0, length));
    } catch (error) {
      if (!(error instanceof MeshError) || error.code !== "protocol-violation") throw error;
    }
  }
}

describe("Jute", () => {
  test("round trip of every request", () => {
    fc.assert(fc.property(anyRequest, int, (request, xid) => {
      const writer = new JuteWriter();
      writeRequest(writer, xid, request);
      const frame = onlyFrame(writer);
      expect(readRequest(frame)).toEqual({ xid, code: opCodes[request.op], request });
      readTruncated(frame, readRequest);
    }));
  });

  test.each(ops)("round trip of the reply to %s", (op) => {
    fc.assert(
      fc.property(replies[op], int, long, (reply, xid, zxid) => {
        const writer = new JuteWriter();
        writeReply(writer, xid, zxid, op, reply);
        const read = (frame: Buffer) => {
          const reader = new JuteReader(frame);
          const header = replyHeader.read(reader);
          return { header, reply: readReply(reader, op), remaining: reader.remaining };
        };
        const frame = onlyFrame(writer);
        expect(read(frame)).toEqual({ header: { xid, zxid, error: 0 }, reply, remaining: 0 });
        readTruncated(frame, read);
      }),
      { numRuns: 30 },
    );
  });

  const handshake = { sessionId: long, timeoutMs: int, password: bytes, readOnly: fc.boolean() };
  const roundTrip = <T>(codec: Codec<T>, values: fc.Arbitrary<T>) =>
    fc.assert(fc.property(values, (value) => {
      const writer = new JuteWriter();
      writer.frame(() => codec.write(writer, value));
      const frame = onlyFrame(writer);
      expect(codec.read(new JuteReader(frame))).toEqual(value);
      readTruncated(frame, (frame) => codec.read(new JuteReader(frame)));
    }));

  test("round trip of the handshake", () => {
    roundTrip(connectRequest, fc.record({ ...handshake, lastZxidSeen: long }));
    roundTrip(connectResponse, fc.record(handshake));
  });

  test("a handshake of a server before 3.4 lacks the last byte", () => {
    const response = { timeoutMs: 1, sessionId: 2n, password: new Uint8Array(16), readOnly: true };
    const writer = new JuteWriter();
    connectResponse.write(writer, response);
    const all = writer.take();
    expect(all).toHaveLength(37);
    expect(connectResponse.read(new JuteReader(all.subarray(0, 36)))).toEqual({
      ...response,
      readOnly: false,
    });
  });

  test("round trip of events and errors", () => {
    const type = fc.constantFrom("created", "deleted", "data-changed", "children-changed");
    fc.assert(fc.property(fc.record({ type, path }), long, int, (event, zxid, error) => {
      const writer = new JuteWriter();
      writeEvent(writer, zxid, event);
      writeError(writer, { xid: 7, zxid, error });
      const [first = Buffer.of(), second = Buffer.of()] = frames(writer);
      const reader = new JuteReader(first);
      expect(replyHeader.read(reader)).toEqual({ xid: -1, zxid, error: 0 });
      expect(watcherEvent.read(reader)).toEqual(event);
      expect(replyHeader.read(new JuteReader(second))).toEqual({ xid: 7, zxid, error });
    }));
  });

  test("garbage is a typed error or a value", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...ops), (garbage, op) => {
      const frame = Buffer.from(garbage);
      readTruncated(frame, readRequest);
      readTruncated(frame, (frame) => readReply(new JuteReader(frame), op));
      readTruncated(frame, (frame) => connectResponse.read(new JuteReader(frame)));
      readTruncated(frame, (frame) => watcherEvent.read(new JuteReader(frame)));
    }));
  });

  test("a wrong count costs no memory", () => {
    const writer = new JuteWriter();
    writer.int(2 ** 31 - 1);
    expect(() => new JuteReader(writer.take()).texts()).toThrow("malformed ZooKeeper frame");
  });

  test("an operation that we don't know leaves its number", () => {
    const frame = Buffer.of(0, 0, 0, 1, 0, 0, 0, 14);
    expect(readRequest(frame)).toEqual({ xid: 1, code: 14, request: undefined });
    expect(opName(106)).toBe("addWatch");
  });
});

describe("FrameSplitter", () => {
  test("finds the same frames however the bytes come", () => {
    const contents = fc.array(fc.uint8Array({ maxLength: 20 }));
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 9 }));
    fc.assert(fc.property(contents, sizes, (contents, sizes) => {
      const writer = new JuteWriter();
      for (const content of contents) writer.buffer(content);
      const all = writer.take();
      const splitter = new FrameSplitter(20);
      const found: Buffer[] = [];
      for (let position = 0; position < all.length;) {
        const end = position + (sizes.next().value ?? 1);
        splitter.push(all.subarray(position, end), (frame) => found.push(frame));
        position = end;
      }
      expect(found.map((frame) => new Uint8Array(frame))).toEqual(contents);
    }));
  });

  test.each([[21], [2 ** 31 - 1], [-1], [-(2 ** 31)]])(
    "refuses a frame of %i bytes, after the frames before it",
    (length) => {
      const writer = new JuteWriter();
      writer.buffer(new Uint8Array(20));
      writer.int(length);
      const found: Buffer[] = [];
      const splitter = new FrameSplitter(20);
      expect(() => splitter.push(writer.take(), (frame) => found.push(frame))).toThrow(
        new MeshError("protocol-violation", `a ZooKeeper frame of ${length} bytes; this side takes 0 to 20`),
      );
      expect(found).toHaveLength(1);
    },
  );
});
