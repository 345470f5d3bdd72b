import { MeshError } from "../../runtime/errors.ts";
import { opCodes, specialXids } from "./codes.ts";
import type { OpName } from "./codes.ts";
import type { Codec, JuteReader, JuteWriter } from "./jute.ts";
import { acl, multiEnd, multiError, multiHeader, replyHeader, stat, watcherEvent } from "./records.ts";
import type { Acl, ReplyHeader, Stat, WatcherEvent } from "./records.ts";

/** What each operation is answered with behind the header, if that tells of no error; undefined: with nothing. */
export interface Replies {
  create: { readonly path: string };
  create2: { readonly path: string; readonly stat: Stat };
  delete: undefined;
  exists: { readonly stat: Stat };
  getData: { readonly data: Uint8Array | undefined; readonly stat: Stat };
  setData: { readonly stat: Stat };
  getAcl: { readonly acl: readonly Acl[]; readonly stat: Stat };
  getChildren: { readonly names: readonly string[] };
  getChildren2: { readonly names: readonly string[]; readonly stat: Stat };
  /** In the request's order: names of the children, or the number of the error that this node was refused with. */
  multiRead: { readonly results: readonly (readonly string[] | number)[] };
  sync: { readonly path: string };
  ping: undefined;
  auth: undefined;
  setWatches: undefined;
  setWatches2: undefined;
  addWatch: undefined;
  closeSession: undefined;
}

/** Nothing but the header. */
const empty: Codec<undefined> = { write: () => {}, read: () => undefined };

const path: Codec<{ readonly path: string }> = {
  write: (writer, value) => writer.text(value.path),
  read: (reader) => ({ path: reader.text() }),
};

const onlyStat: Codec<{ readonly stat: Stat }> = {
  write: (writer, value) => stat.write(writer, value.stat),
  read: (reader) => ({ stat: stat.read(reader) }),
};

const codecs: { readonly [Op in OpName]: Codec<Replies[Op]> } = {
  create: path,
  create2: {
    write(writer, value) {
      writer.text(value.path);
      stat.write(writer, value.stat);
    },
    read: (reader) => ({ path: reader.text(), stat: stat.read(reader) }),
  },
  delete: empty,
  exists: onlyStat,
  getData: {
    write(writer, value) {
      writer.buffer(value.data);
      stat.write(writer, value.stat);
    },
    read: (reader) => ({ data: reader.buffer(), stat: stat.read(reader) }),
  },
  setData: onlyStat,
  getAcl: {
    write(writer, value) {
      writer.list(value.acl, acl.write);
      stat.write(writer, value.stat);
    },
    read: (reader) => ({ acl: reader.list(acl.read), stat: stat.read(reader) }),
  },
  getChildren: {
    write: (writer, value) => writer.texts(value.names),
    read: (reader) => ({ names: reader.texts() }),
  },
  getChildren2: {
    write(writer, value) {
      writer.texts(value.names);
      stat.write(writer, value.stat);
    },
    read: (reader) => ({ names: reader.texts(), stat: stat.read(reader) }),
  },
  multiRead: {
    write(writer, value) {
      for (const result of value.results) {
        if (typeof result === "number") {
          multiHeader.write(writer, { code: multiError, done: false, error: result });
          writer.int(result);
        } else {
          multiHeader.write(writer, { code: opCodes.getChildren, done: false, error: 0 });
          writer.texts(result);
        }
      }
      multiHeader.write(writer, multiEnd);
    },
    read(reader) {
      const results: (readonly string[] | number)[] = [];
      for (;;) {
        const { code, done } = multiHeader.read(reader);
        if (done) return { results };
        if (code === opCodes.getChildren) results.push(reader.texts());
        else if (code === multiError) results.push(reader.int());
        else throw new MeshError("protocol-violation", `ZooKeeper answered with an unknown part ${code}`);
      }
    },
  },
  sync: path,
  ping: empty,
  auth: empty,
  setWatches: empty,
  setWatches2: empty,
  // The header's error once more, which is 0 if there is anything behind the header.
  addWatch: { write: (writer) => writer.int(0), read: (reader) => reader.skip(4) },
  closeSession: empty,
};

/** Appends the answer to a request as a frame. */
export function writeReply<Op extends OpName>(
  writer: JuteWriter,
  xid: number,
  zxid: bigint,
  op: Op,
  reply: Replies[Op],
): void {
  writer.frame(() => {
    replyHeader.write(writer, { xid, zxid, error: 0 });
    codecs[op].write(writer, reply);
  });
}

/** Appends a header without anything behind it as a frame: an error. */
export function writeError(writer: JuteWriter, header: ReplyHeader): void {
  writer.frame(() => replyHeader.write(writer, header));
}

/**
 * Reads what stands behind the header of a reply. More bytes than expected are left: later versions may append fields.
 * @throws MeshError `protocol-violation` if it is malformed.
 */
export function readReply<Op extends OpName>(reader: JuteReader, op: Op): Replies[Op] {
  return codecs[op].read(reader);
}

/** Appends a watch that fired as a frame. @param zxid of the change; -1 from servers before 3.9 */
export function writeEvent(writer: JuteWriter, zxid: bigint, event: WatcherEvent): void {
  writer.frame(() => {
    replyHeader.write(writer, { xid: specialXids.notification, zxid, error: 0 });
    watcherEvent.write(writer, event);
  });
}
