import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** The same, valid for a year from that day on (`YYYYMMDD`). Clocks differ. */
export function certificateFrom(day: string): Certificate {
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-certificate-"));
  const inFolder = (name: string) => join(folder, name);
  const openssl = (...args: readonly string[]) =>
    execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  try {
    writeFileSync(inFolder("index.txt"), "");
    writeFileSync(inFolder("serial"), "01");
    writeFileSync(
      inFolder("ca.cnf"),
      `[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:localhost,IP:127.0.0.1
basicConstraints = CA:true
`,
    );
    const request = ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"];
    openssl(...request, "-keyout", "key.pem", "-out", "request.pem");
    const end = `${Number(day.slice(0, 4)) + 1}${day.slice(4)}`;
    const dates = ["-startdate", `${day}000000Z`, "-enddate", `${end}000000Z`];
    const from = ["-config", "ca.cnf", "-selfsign", "-keyfile", "key.pem", "-in", "request.pem", "-notext"];
    openssl("ca", "-batch", ...from, ...dates, "-out", "cert.pem");
    return {
      cert: readFileSync(inFolder("cert.pem"), "utf8"),
      key: readFileSync(inFolder("key.pem"), "utf8"),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
