import { NacosError } from "../nacos-error.ts";
import type { ServiceName } from "../nacos.ts";
import { isAboutAsker } from "../refusal.ts";

/** What proves who asks, for requests of both protocols. */
export interface Proof {
  /** Beside a message's body over gRPC. */
  readonly grpc: Readonly<Record<string, string>>;
  /** Headers of an HTTP request. */
  readonly http: Readonly<Record<string, string>>;
  /** Parameters of an HTTP request. */
  readonly params: Readonly<Record<string, string>>;
}

/** Makes proofs. */
export interface Authenticator {
  /** For a request about a service, or about none. @throws NacosError if there can't be one now. */
  proof(service: ServiceName | undefined): Promise<Proof>;
  /**
   * A server refused a proof, in these words. Returns whether it is worth a second try with another one.
   * @throws NacosError `unauthorized` if the login itself is refused.
   */
  refused(proof: Proof, words: string): Promise<boolean>;
}

/** The proof of those who have none. */
export const noProof: Proof = { grpc: {}, http: {}, params: {} };

/** For requests that need none: of servers without logins, and logins themselves. */
export const anonymous: Authenticator = {
  proof: () => Promise.resolve(noProof),
  refused: () => Promise.resolve(false),
};

/** For who has configured no login. A server that wants one says so in words that don't tell what to do. */
export const withoutLogin: Authenticator = {
  proof: () => Promise.resolve(noProof),
  refused: (_, words) => {
    if (!isAboutAsker(words)) return Promise.resolve(false);
    const text = `Nacos wants a login, and none is configured (${words}); set username and password`;
    return Promise.reject(new NacosError("unauthorized", text));
  },
};
