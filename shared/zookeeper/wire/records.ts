import { MeshError } from "../../runtime/errors.ts";
import { eventTypes } from "./codes.ts";
import type { EventName } from "./codes.ts";
import type { Codec, JuteReader } from "./jute.ts";

/** What ZooKeeper knows about a node beside its content. */
export interface Stat {
  readonly czxid: bigint;
  readonly mzxid: bigint;
  /** Milliseconds since 1970. */
  readonly ctime: bigint;
  readonly mtime: bigint;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly pzxid: bigint;
}

/** See {@link Stat}; 68 bytes. */
export const stat: Codec<Stat> = {
  write(writer, value) {
    writer.long(value.czxid);
    writer.long(value.mzxid);
    writer.long(value.ctime);
    writer.long(value.mtime);
    writer.int(value.version);
    writer.int(value.cversion);
    writer.int(value.aversion);
    writer.long(value.ephemeralOwner);
    writer.int(value.dataLength);
    writer.int(value.numChildren);
    writer.long(value.pzxid);
  },
  read: (reader) => ({
    czxid: reader.long(),
    mzxid: reader.long(),
    ctime: reader.long(),
    mtime: reader.long(),
    version: reader.int(),
    cversion: reader.int(),
    aversion: reader.int(),
    ephemeralOwner: reader.long(),
    dataLength: reader.int(),
    numChildren: reader.int(),
    pzxid: reader.long(),
  }),
};

/** One entry of an access control list. */
export interface Acl {
  readonly permissions: number;
  readonly scheme: string;
  readonly id: string;
}

/** See {@link Acl}. */
export const acl: Codec<Acl> = {
  write(writer, value) {
    writer.int(value.permissions);
    writer.text(value.scheme);
    writer.text(value.id);
  },
  read: (reader) => ({ permissions: reader.int(), scheme: reader.text(), id: reader.text() }),
};

/** First frame of a client. */
export interface ConnectRequest {
  /** The server closes the connection if it hasn't seen this transaction yet. */
  readonly lastZxidSeen: bigint;
  readonly timeoutMs: number;
  /** 0: a new session. */
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  /** Whether a server that is cut off from the others will do. */
  readonly readOnly: boolean;
}

/** See {@link ConnectRequest}. */
export const connectRequest: Codec<ConnectRequest> = {
  write(writer, value) {
    writer.int(0);
    writer.long(value.lastZxidSeen);
    writer.int(value.timeoutMs);
    writer.long(value.sessionId);
    writer.buffer(value.password);
    writer.boolean(value.readOnly);
  },
  read(reader) {
    reader.skip(4);
    return {
      lastZxidSeen: reader.long(),
      timeoutMs: reader.int(),
      sessionId: reader.long(),
      password: readPassword(reader),
      readOnly: readReadOnly(reader),
    };
  },
};

/** First frame of a server. */
export interface ConnectResponse {
  /** Granted; 0 if there is no such session (any more), or the password is another. */
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  readonly readOnly: boolean;
}

/** See {@link ConnectResponse}. */
export const connectResponse: Codec<ConnectResponse> = {
  write(writer, value) {
    writer.int(0);
    writer.int(value.timeoutMs);
    writer.long(value.sessionId);
    writer.buffer(value.password);
    writer.boolean(value.readOnly);
  },
  read(reader) {
    reader.skip(4);
    return {
      timeoutMs: reader.int(),
      sessionId: reader.long(),
      password: readPassword(reader),
      readOnly: readReadOnly(reader),
    };
  },
};

function readPassword(reader: JuteReader): Uint8Array {
  return reader.buffer() ?? new Uint8Array();
}

/** Peers before 3.4 end before this field. */
function readReadOnly(reader: JuteReader): boolean {
  return reader.remaining > 0 && reader.boolean();
}

/** Begins every request but the first. */
export interface RequestHeader {
  /** Counts the requests of a connection; one of `specialXids` otherwise. */
  readonly xid: number;
  /** Number of the operation. */
  readonly code: number;
}

/** See {@link RequestHeader}. */
export const requestHeader: Codec<RequestHeader> = {
  write(writer, value) {
    writer.int(value.xid);
    writer.int(value.code);
  },
  read: (reader) => ({ xid: reader.int(), code: reader.int() }),
};

/** Begins every reply but the first. Nothing follows if `error` isn't 0. */
export interface ReplyHeader {
  readonly xid: number;
  /** The server's last transaction. */
  readonly zxid: bigint;
  readonly error: number;
}

/** See {@link ReplyHeader}; 16 bytes. */
export const replyHeader: Codec<ReplyHeader> = {
  write(writer, value) {
    writer.int(value.xid);
    writer.long(value.zxid);
    writer.int(value.error);
  },
  read: (reader) => ({ xid: reader.int(), zxid: reader.long(), error: reader.int() }),
};

/** Stands before each part of a `multiRead`, in request and reply, and behind the last one. */
export interface MultiHeader {
  /** Number of the part's operation; `multiError` for one that failed, and at the end. */
  readonly code: number;
  /** True at the end: no part follows. */
  readonly done: boolean;
  /** -1 in requests and at the end; the error of a part that failed, which its body tells again; else 0. */
  readonly error: number;
}

/** The `code` of a {@link MultiHeader} without an operation. */
export const multiError = -1;

/** Ends a multi request, or its reply. */
export const multiEnd: MultiHeader = { code: multiError, done: true, error: -1 };

/** See {@link MultiHeader}; 9 bytes. */
export const multiHeader: Codec<MultiHeader> = {
  write(writer, value) {
    writer.int(value.code);
    writer.boolean(value.done);
    writer.int(value.error);
  },
  read: (reader) => ({ code: reader.int(), done: reader.boolean(), error: reader.int() }),
};

/** A watch that fired; stands behind a reply header with the xid `notification`. */
export interface WatcherEvent {
  readonly type: EventName;
  /** The server's, with the chroot. */
  readonly path: string;
}

const eventNames = new Map<number, EventName>([
  [eventTypes.created, "created"],
  [eventTypes.deleted, "deleted"],
  [eventTypes["data-changed"], "data-changed"],
  [eventTypes["children-changed"], "children-changed"],
]);

/** `SyncConnected`: the state in all events that servers send. */
const connectedState = 3;

/** See {@link WatcherEvent}. */
export const watcherEvent: Codec<WatcherEvent> = {
  write(writer, value) {
    writer.int(eventTypes[value.type]);
    writer.int(connectedState);
    writer.text(value.path);
  },
  read(reader) {
    const number = reader.int();
    const type = eventNames.get(number);
    if (type === undefined) {
      throw new MeshError("protocol-violation", `ZooKeeper told of an event of unknown type ${number}`);
    }
    reader.skip(4);
    return { type, path: reader.text() };
  },
};
