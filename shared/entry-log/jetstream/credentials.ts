import { readFile } from "node:fs/promises";
import { AuthorizationError, credsAuthenticator, nkeyAuthenticator } from "@nats-io/transport-node";
import { UserAuthenticationExpiredError } from "@nats-io/transport-node";
import type { Authenticator, NodeConnectionOptions } from "@nats-io/transport-node";
import { errorText } from "../../runtime/errors.ts";

/** Who we are to NATS; at most one way. */
export interface NatsCredentials {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** The seed of an nkey (`SU…`), the text itself. */
  readonly nkeySeed?: string | undefined;
  /** The path of a file with such a seed; read anew at each attempt to connect, because such files rotate. */
  readonly nkeySeedFile?: string | undefined;
  /** The path of a credentials file (JWT and seed); read anew at each attempt to connect, because such files rotate. */
  readonly credsFile?: string | undefined;
}

/**
 * The options with which a connection logs in.
 * @throws Error if the credentials file can't be read, or it or the seed isn't what it should be. Without secrets.
 */
export async function loginOptions(credentials: NatsCredentials): Promise<Partial<NodeConnectionOptions>> {
  const { user, password, token, nkeySeed, nkeySeedFile, credsFile } = credentials;
  if (credsFile !== undefined) {
    const what = `credentials file ${credsFile}`;
    return { authenticator: tried(credsAuthenticator(await contentOf(credsFile, what)), what) };
  }
  if (nkeySeedFile !== undefined) {
    const what = `nkey seed file ${nkeySeedFile}`;
    const seed = new TextDecoder().decode(await contentOf(nkeySeedFile, what)).trim();
    return { authenticator: tried(nkeyAuthenticator(new TextEncoder().encode(seed)), what) };
  }
  if (nkeySeed !== undefined) {
    return { authenticator: tried(nkeyAuthenticator(new TextEncoder().encode(nkeySeed)), "the nkey seed") };
  }
  return {
    ...(user !== undefined && { user }),
    ...(password !== undefined && { pass: password }),
    ...(token !== undefined && { token }),
  };
}

async function contentOf(path: string, what: string): Promise<Uint8Array> {
  return await readFile(path).catch((error: unknown) => {
    throw new Error(`${what} can't be read: ${errorText(error)}`);
  });
}

/** The client calls an authenticator in the middle of its handshake, and hangs if that throws: so it is tried before. */
function tried(authenticator: Authenticator, what: string): Authenticator {
  try {
    authenticator("nonce");
  } catch {
    // The cause may quote the content.
    throw new Error(`${what} holds no valid credentials`);
  }
  return authenticator;
}

/** Why connecting failed, or a connection ended, for people; says of refused credentials which those are. */
export function explainFailure(error: unknown, credentials: NatsCredentials): string {
  if (!(error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError)) {
    return errorText(error);
  }
  return `the server refuses ${nameOf(credentials)} (${error.message})`;
}

function nameOf({ user, token, nkeySeed, nkeySeedFile, credsFile }: NatsCredentials): string {
  if (credsFile !== undefined) return `credentials file ${credsFile}, which is read again at each attempt`;
  if (nkeySeedFile !== undefined) {
    return `nkey seed file ${nkeySeedFile}, which is read again at each attempt`;
  }
  if (nkeySeed !== undefined) return "nats.nkeySeed";
  if (token !== undefined) return "nats.token";
  return user === undefined ? "a login without credentials" : `user ${user} or its password`;
}
