import type { TypeUpdate } from "./type-update.ts";

/** Files of a TLS connection, read: PEM. What is undefined: public CAs, no certificate of our own. */
export interface ClientTls {
  readonly ca: Buffer | undefined;
  readonly own: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  /** The name that the server's certificate has to have, if it isn't that of the address. */
  readonly serverName: string | undefined;
}

/** What to ask for, where, and who listens to the answers. The same for every dialect. */
export interface FollowOptions {
  /** `host:port`. */
  readonly address: string;
  readonly typeUrls: readonly string[];
  readonly revision: string | undefined;
  /** Undefined: in plain text. */
  readonly tls: ClientTls | undefined;
  /** The versions by name of what is held of a type; empty before its first answer. */
  readonly held: (typeUrl: string) => Readonly<Record<string, string>>;
  /** Called with what was told of a type, before it is acknowledged. */
  readonly onUpdate: (update: TypeUpdate) => void;
  /** Called with sentences for the user: what is waited for, what failed, what comes next. */
  readonly onNote: (text: string) => void;
}

/**
 * A client of one dialect: follows a server, connecting again for ever, until the signal aborts. It keeps no view: what
 * is held is its caller's.
 */
export type FollowServer = (options: FollowOptions, signal: AbortSignal) => Promise<void>;

/** One gRPC stream as a dialect sees it: what to say first, and what to answer. Without I/O. */
export interface Conversation {
  /** The requests that begin it, encoded: one for each type. */
  begin(): readonly Uint8Array[];
  /**
   * Takes in a response.
   * @throws Error if it can't be decoded
   */
  take(message: Uint8Array): Exchange;
}

/** A response, and what to answer. */
export interface Exchange {
  readonly update: TypeUpdate;
  /** The encoded ACK; undefined if the dialect has none for such a response. */
  readonly reply: Uint8Array | undefined;
}

/** How a dialect is spoken over gRPC. */
export interface GrpcDialect {
  /** The method's path. */
  readonly path: string;
  /** Begins a conversation, anew with each stream. */
  readonly converse: (options: FollowOptions) => Conversation;
}
