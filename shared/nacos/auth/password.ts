import { errorText } from "../../runtime/errors.ts";
import type { NacosHttp } from "../http/http-client.ts";
import { isNacosError, NacosError } from "../nacos-error.ts";
import { countOf, isObject } from "../wire/json.ts";
import { noProof } from "./authenticator.ts";
import type { Authenticator, Proof } from "./authenticator.ts";
import { grantedToken, isWorthRenewing, tokenUse } from "./token.ts";
import type { Token } from "./token.ts";

/** Logins of 3.x, of 1.2 to 3.1, and of before, in the order in which they are tried. */
const loginPaths = ["/v3/auth/user/login", "/v1/auth/users/login", "/v1/auth/login"];

/** A login that failed isn't tried again sooner: some servers lock users out. */
const loginPauseMs = 2_000;

/**
 * Logs in with a user and password, and again in time before the token expires, or when it is refused. A server that
 * has just been started knows no user for up to 15 seconds, so a refused login is tried again.
 *
 * While the login is refused, requests go without a token: servers that ask for none answer them, and others tell what
 * the matter is in their own words.
 */
export class PasswordAuthenticator implements Authenticator {
  readonly #http: NacosHttp;
  readonly #username: string;
  readonly #password: string;
  /** The client's life: a login is for all, and doesn't end with the request that needed it first. */
  readonly #signal: AbortSignal;
  #token: Token | undefined;
  /** A login that is under way, for all who need one. */
  #login: Promise<Token> | undefined;
  #failure: { readonly error: NacosError; readonly atMs: number } | undefined;
  #path = 0;

  constructor(http: NacosHttp, username: string, password: string, signal: AbortSignal) {
    this.#http = http;
    this.#signal = signal;
    this.#username = username;
    this.#password = password;
  }

  async proof(): Promise<Proof> {
    const use = tokenUse(this.#token, performance.now());
    if (use === "use and renew") {
      // In the background: what there is does for now. A failure is remembered.
      this.#logIn().catch(() => undefined);
    } else if (use === "renew first") {
      try {
        await this.#logIn();
      } catch (error) {
        if (!isNacosError(error, "unauthorized", "forbidden", "api-gone")) throw error;
        return noProof;
      }
    }
    return proofOf(this.#token);
  }

  async refused(proof: Proof, words: string): Promise<boolean> {
    const token = this.#token;
    if (token === undefined) {
      // There was none, because the login was refused: that is what people need to know.
      if (this.#failure !== undefined) throw this.#failure.error;
      return false;
    }
    // Somebody else renewed it meanwhile.
    if (proof.grpc["accessToken"] !== token.text) return true;
    if (!isWorthRenewing(token, /token/i.test(words), performance.now())) return false;
    this.#token = undefined;
    await this.#logIn();
    return true;
  }

  #logIn(): Promise<Token> {
    const failure = this.#failure;
    if (failure !== undefined && performance.now() - failure.atMs < loginPauseMs) {
      return Promise.reject(failure.error);
    }
    this.#login ??= this.#logInOnce().then((token) => {
      this.#token = token;
      this.#failure = undefined;
      return token;
    }).catch((error: unknown) => {
      if (error instanceof NacosError) this.#failure = { error, atMs: performance.now() };
      throw error;
    }).finally(() => {
      this.#login = undefined;
    });
    return this.#login;
  }

  async #logInOnce(): Promise<Token> {
    for (;;) {
      const path = loginPaths[this.#path] ?? "";
      try {
        const { json } = await this.#http.ask({
          operation: "login",
          method: "POST",
          path,
          params: { username: this.#username, password: this.#password },
          anonymous: true,
        }, this.#signal);
        return this.#tokenOf(json);
      } catch (error) {
        if (isNacosError(error, "api-gone") && this.#path < loginPaths.length - 1) {
          this.#path++;
          continue;
        }
        throw this.#refusal(error);
      }
    }
  }

  #tokenOf(json: unknown): Token {
    if (!isObject(json)) throw new NacosError("protocol-violation", "login: the answer is no object");
    const { accessToken, tokenTtl } = json;
    if (typeof accessToken !== "string" || accessToken === "") {
      throw new NacosError("protocol-violation", "login: the answer has no accessToken");
    }
    return grantedToken(accessToken, countOf(tokenTtl) ?? 0, performance.now(), Math.random());
  }

  /** Says that it is the login. What 2.3 and 3.1 answer to a wrong password is an error, or isn't even HTTP. */
  #refusal(error: unknown): unknown {
    if (!(error instanceof NacosError)) return error;
    const { kind, message } = error;
    const isRefused = kind === "unauthorized" || kind === "forbidden" ||
      /HTTP 500|Invalid status/i.test(message);
    if (!isRefused) return error;
    return new NacosError(
      "unauthorized",
      `Nacos refuses the login of user "${this.#username}": ${errorText(error)}; check username and password`,
      { cause: error },
    );
  }
}

function proofOf(token: Token | undefined): Proof {
  if (token === undefined) return noProof;
  return {
    grpc: { accessToken: token.text },
    // The one way that all generations know.
    http: { Authorization: `Bearer ${token.text}` },
    params: {},
  };
}
