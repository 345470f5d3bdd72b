import { nkeys } from "@nats-io/transport-node";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A NATS operator with one account: what a server trusts, and who makes credentials files for users of it. */
export class JwtIssuer {
  readonly #operator = nkeys.createOperator();
  readonly #account = nkeys.createAccount();
  /** JetStream asks for one. */
  readonly #system = nkeys.createAccount();

  /** Lines of a nats-server's configuration that trust this operator. */
  get config(): string {
    const operator = signed(this.#operator, this.#operator, { type: "operator" });
    const unlimited = Object.fromEntries(
      [
        "subs",
        "data",
        "payload",
        "imports",
        "exports",
        "conn",
        "leaf",
        "mem_storage",
        "disk_storage",
        "streams",
        "consumer",
      ]
        .map((limit) => [limit, -1]),
    );
    const limits = { ...unlimited, wildcards: true };
    const accounts = [this.#account, this.#system].map((account) => {
      const isSystem = account === this.#system;
      const allowed = isSystem ? { ...limits, mem_storage: 0, disk_storage: 0 } : limits;
      const jwt = signed(this.#operator, account, { type: "account", limits: allowed });
      return `${account.getPublicKey()}: "${jwt}"`;
    });
    return `operator: "${operator}"
      system_account: ${this.#system.getPublicKey()}
      resolver: MEMORY
      resolver_preload: { ${accounts.join(", ")} }`;
  }

  /** The content of a new user's credentials file; it is good for so many milliseconds. */
  credentials(validMs: number): string {
    const user = nkeys.createUser();
    const exp = Math.ceil((Date.now() + validMs) / 1000);
    const jwt = signed(this.#account, user, { type: "user", subs: -1, data: -1, payload: -1 }, { exp });
    return [
      "-----BEGIN NATS USER JWT-----",
      jwt,
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      decoder.decode(user.getSeed()),
      "------END USER NKEY SEED------",
      "",
    ].join("\n");
  }
}

/** A JWT in which `issuer` says who `subject` is. */
function signed(
  issuer: ReturnType<typeof nkeys.createUser>,
  subject: ReturnType<typeof nkeys.createUser>,
  nats: object,
  claims: object = {},
): string {
  const header = base64url(JSON.stringify({ typ: "JWT", alg: "ed25519-nkey" }));
  const body = base64url(JSON.stringify({
    jti: crypto.randomUUID(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: "test",
    nats: { version: 2, ...nats },
    ...claims,
  }));
  const signature = Buffer.from(issuer.sign(encoder.encode(`${header}.${body}`))).toString("base64url");
  return `${header}.${body}.${signature}`;
}

function base64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}
