import { MeshError } from "../../runtime/errors.ts";
import { opCodes, opName } from "./codes.ts";
import type { OpName } from "./codes.ts";
import { JuteReader } from "./jute.ts";
import type { Codec, JuteWriter } from "./jute.ts";
import { acl, multiEnd, multiHeader, requestHeader } from "./records.ts";
import type { Acl } from "./records.ts";

interface OnPath<Op> {
  readonly op: Op;
  readonly path: string;
}

interface Read<Op> extends OnPath<Op> {
  /** Whether to set a one-shot watch. */
  readonly watch: boolean;
}

interface Create<Op> extends OnPath<Op> {
  readonly data: Uint8Array | undefined;
  readonly acl: readonly Acl[];
  /** See `createFlags`. */
  readonly flags: number;
}

/** Paths that are watched, and the last transaction that the client knows: later changes are told at once. */
interface OneShotWatches {
  readonly relativeZxid: bigint;
  readonly data: readonly string[];
  readonly exist: readonly string[];
  readonly child: readonly string[];
}

/** What each operation asks for. A `version` of -1 is any. Paths are the server's, with the chroot. */
export interface Requests {
  create: Create<"create">;
  create2: Create<"create2">;
  delete: OnPath<"delete"> & { readonly version: number };
  exists: Read<"exists">;
  getData: Read<"getData">;
  setData: OnPath<"setData"> & { readonly data: Uint8Array | undefined; readonly version: number };
  getAcl: OnPath<"getAcl">;
  getChildren: Read<"getChildren">;
  getChildren2: Read<"getChildren2">;
  /** The children of each of these nodes, without watches: the only use of it here. */
  multiRead: { readonly op: "multiRead"; readonly paths: readonly string[] };
  sync: OnPath<"sync">;
  ping: { readonly op: "ping" };
  auth: { readonly op: "auth"; readonly scheme: string; readonly auth: Uint8Array | undefined };
  setWatches: { readonly op: "setWatches" } & OneShotWatches;
  setWatches2: {
    readonly op: "setWatches2";
    readonly persistent: readonly string[];
    readonly persistentRecursive: readonly string[];
  } & OneShotWatches;
  addWatch: OnPath<"addWatch"> & {
    /** See `watchModes`. */
    readonly mode: number;
  };
  closeSession: { readonly op: "closeSession" };
}

/** Any request; `op` says which. */
export type Request = Requests[OpName];

const codecs: { readonly [Op in OpName]: Codec<Requests[Op]> } = {
  create: create("create"),
  create2: create("create2"),
  delete: {
    write(writer, value) {
      writer.text(value.path);
      writer.int(value.version);
    },
    read: (reader) => ({ op: "delete", path: reader.text(), version: reader.int() }),
  },
  exists: read("exists"),
  getData: read("getData"),
  setData: {
    write(writer, value) {
      writer.text(value.path);
      writer.buffer(value.data);
      writer.int(value.version);
    },
    read: (reader) => ({
      op: "setData",
      path: reader.text(),
      data: reader.buffer(),
      version: reader.int(),
    }),
  },
  getAcl: onPath("getAcl"),
  getChildren: read("getChildren"),
  getChildren2: read("getChildren2"),
  multiRead: {
    write(writer, value) {
      for (const path of value.paths) {
        multiHeader.write(writer, { code: opCodes.getChildren, done: false, error: -1 });
        writer.text(path);
        writer.boolean(false);
      }
      multiHeader.write(writer, multiEnd);
    },
    read(reader) {
      const paths: string[] = [];
      for (;;) {
        const { code, done } = multiHeader.read(reader);
        if (done) return { op: "multiRead", paths };
        if (code !== opCodes.getChildren) {
          throw new MeshError("protocol-violation", `a read of several nodes with operation ${code}`);
        }
        paths.push(reader.text());
        reader.skip(1);
      }
    },
  },
  sync: onPath("sync"),
  ping: { write: () => {}, read: () => ({ op: "ping" }) },
  auth: {
    write(writer, value) {
      // A type that no server looks at.
      writer.int(0);
      writer.text(value.scheme);
      writer.buffer(value.auth);
    },
    read(reader) {
      reader.skip(4);
      return { op: "auth", scheme: reader.text(), auth: reader.buffer() };
    },
  },
  setWatches: {
    write: writeOneShots,
    read: (reader) => ({ op: "setWatches", ...readOneShots(reader) }),
  },
  setWatches2: {
    write(writer, value) {
      writeOneShots(writer, value);
      writer.texts(value.persistent);
      writer.texts(value.persistentRecursive);
    },
    read: (reader) => ({
      op: "setWatches2",
      ...readOneShots(reader),
      persistent: reader.texts(),
      persistentRecursive: reader.texts(),
    }),
  },
  addWatch: {
    write(writer, value) {
      writer.text(value.path);
      writer.int(value.mode);
    },
    read: (reader) => ({ op: "addWatch", path: reader.text(), mode: reader.int() }),
  },
  closeSession: { write: () => {}, read: () => ({ op: "closeSession" }) },
};

function onPath<const Op>(op: Op): Codec<OnPath<Op>> {
  return {
    write: (writer, value) => writer.text(value.path),
    read: (reader) => ({ op, path: reader.text() }),
  };
}

function read<const Op>(op: Op): Codec<Read<Op>> {
  return {
    write(writer, value) {
      writer.text(value.path);
      writer.boolean(value.watch);
    },
    read: (reader) => ({ op, path: reader.text(), watch: reader.boolean() }),
  };
}

function create<const Op>(op: Op): Codec<Create<Op>> {
  return {
    write(writer, value) {
      writer.text(value.path);
      writer.buffer(value.data);
      writer.list(value.acl, acl.write);
      writer.int(value.flags);
    },
    read: (reader) => ({
      op,
      path: reader.text(),
      data: reader.buffer(),
      acl: reader.list(acl.read),
      flags: reader.int(),
    }),
  };
}

function writeOneShots(writer: JuteWriter, value: OneShotWatches): void {
  writer.long(value.relativeZxid);
  writer.texts(value.data);
  writer.texts(value.exist);
  writer.texts(value.child);
}

function readOneShots(reader: JuteReader): OneShotWatches {
  return {
    relativeZxid: reader.long(),
    data: reader.texts(),
    exist: reader.texts(),
    child: reader.texts(),
  };
}

/** Appends a request as a frame. */
export function writeRequest<Op extends OpName>(
  writer: JuteWriter,
  xid: number,
  request: Requests[Op] & { readonly op: Op },
): void {
  writer.frame(() => {
    requestHeader.write(writer, { xid, code: opCodes[request.op] });
    codecs[request.op].write(writer, request);
  });
}

/** A request as a server sees it. `request` is undefined if we don't know the operation. */
export interface ReceivedRequest {
  readonly xid: number;
  readonly code: number;
  readonly request: Request | undefined;
}

/** Reads a frame of a client, any but the first. @throws MeshError `protocol-violation` if it is malformed. */
export function readRequest(frame: Buffer): ReceivedRequest {
  const reader = new JuteReader(frame);
  const { xid, code } = requestHeader.read(reader);
  const op = opName(code);
  return { xid, code, request: op === undefined ? undefined : codecs[op].read(reader) };
}
