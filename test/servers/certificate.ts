import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate and its private key (PKCS #8), both PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * Makes a certificate for `localhost` and 127.0.0.1 that is its own authority, and serves as a client's as well; valid
 * for a day. `names` are further subject alternative names, such as `URI:spiffe://a/b`. Needs `openssl` (>= 1.1.1) in
 * PATH. @throws Error if that fails.
 */
export function selfSignedCertificate(...names: readonly string[]): Certificate {
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-certificate-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  try {
    const sans = ["DNS:localhost", "IP:127.0.0.1", ...names].join(",");
    const name = ["-subj", "/CN=localhost", "-addext", `subjectAltName=${sans}`];
    const make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"];
    execFileSync("openssl", [...make, ...name, "-keyout", key, "-out", cert], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
