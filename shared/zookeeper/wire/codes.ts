/** Operations by name, with their numbers in a request's header. */
export const opCodes = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  getChildren: 8,
  sync: 9,
  ping: 11,
  /** getChildren with the node's Stat. */
  getChildren2: 12,
  /** create with the node's Stat (ZooKeeper 3.5). */
  create2: 15,
  /** Reads of several nodes, each with its own outcome (ZooKeeper 3.6). */
  multiRead: 22,
  auth: 100,
  /** Sets one-shot watches again after a reconnect. */
  setWatches: 101,
  /** The same with persistent watches (ZooKeeper 3.6). */
  setWatches2: 105,
  /** A persistent watch (ZooKeeper 3.6). */
  addWatch: 106,
  closeSession: -11,
} as const;

/** Name of an operation that we know. */
export type OpName = keyof typeof opCodes;

const names = new Map<number, OpName>();
for (const name of Object.keys(opCodes)) if (isOpName(name)) names.set(opCodes[name], name);

function isOpName(name: string): name is OpName {
  return Object.hasOwn(opCodes, name);
}

/** The name of an operation's number; undefined for those that we don't know. */
export function opName(code: number): OpName | undefined {
  return names.get(code);
}

/** Transaction numbers of a header that don't count requests. */
export const specialXids = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const;

/** Errors in the header of a reply. */
export const errorCodes = {
  ok: 0,
  marshalling: -5,
  unimplemented: -6,
  badArguments: -8,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  noChildrenForEphemerals: -108,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  invalidAcl: -114,
  authFailed: -115,
  sessionMoved: -118,
  notReadOnly: -119,
} as const;

/** Types of a WatcherEvent that a server sends. */
export const eventTypes = { created: 1, deleted: 2, "data-changed": 3, "children-changed": 4 } as const;

/** What happened to a node. */
export type EventName = keyof typeof eventTypes;

/** The `flags` of a create request; ephemeral and sequential may be combined. */
export const createFlags = { persistent: 0, ephemeral: 1, sequential: 2 } as const;

/** Modes of addWatch. */
export const watchModes = { persistent: 0, persistentRecursive: 1 } as const;

/** Bits of an ACL's `permissions`. */
export const permissions = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;
