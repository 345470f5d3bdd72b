/** A user of a simulated Nacos. */
export interface SimulatedUser {
  readonly password: string;
  /** Namespaces that it may read; undefined: all, and lists of services besides. */
  readonly namespaces?: readonly string[];
}

/** Who may do what: users with passwords, and the tokens that they got for them. */
export class SimulatedAccess {
  readonly #users: ReadonlyMap<string, SimulatedUser> | undefined;
  readonly #tokens = new Map<string, { readonly user: string; readonly expiresMs: number }>();
  readonly tokenSeconds: number;
  #granted = 0;

  /** @param users by name; undefined: everybody may do everything */
  constructor(users: Readonly<Record<string, SimulatedUser>> | undefined, tokenSeconds: number) {
    this.#users = users === undefined ? undefined : new Map(Object.entries(users));
    this.tokenSeconds = tokenSeconds;
  }

  get isOn(): boolean {
    return this.#users !== undefined;
  }

  /** A token; undefined for a wrong password or an unknown user. */
  logIn(username: string, password: string): string | undefined {
    if (this.#users !== undefined && this.#users.get(username)?.password !== password) return undefined;
    const token = `token-${++this.#granted}`;
    this.#tokens.set(token, { user: username, expiresMs: performance.now() + this.tokenSeconds * 1_000 });
    return token;
  }

  /** No token that was granted so far is good any more. */
  revokeAll(): void {
    this.#tokens.clear();
  }

  /** Why a request is refused; undefined if it isn't. `namespace` undefined: about all. */
  refusal(token: string | undefined, namespace: string | undefined): string | undefined {
    if (this.#users === undefined) return undefined;
    if (token === undefined || token === "") return "user not found!";
    const granted = this.#tokens.get(token);
    if (granted === undefined) return "token invalid!";
    if (granted.expiresMs <= performance.now()) return "token expired!";
    const { namespaces } = this.#users.get(granted.user) ?? {};
    if (namespaces === undefined || (namespace !== undefined && namespaces.includes(namespace))) {
      return undefined;
    }
    return "authorization failed!";
  }
}
