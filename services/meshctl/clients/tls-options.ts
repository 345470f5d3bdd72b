import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { CommandLine, OptionSpec } from "../../../shared/runtime/command-line.ts";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import type { ClientTls } from "./dialect-client.ts";

/** The options of a command that connects with TLS. */
export const tlsOptions: Readonly<Record<string, OptionSpec>> = {
  tls: { type: "boolean", help: "Connect with TLS, trusting public CAs; the following imply it" },
  ca: { type: "string", value: "FILE", help: "Trust the CAs in this file instead (PEM)" },
  cert: { type: "string", value: "FILE", help: "Our own certificate, for mutual TLS (PEM); needs --key" },
  key: { type: "string", value: "FILE", help: "Its private key (PEM)" },
  "server-name": {
    type: "string",
    value: "NAME",
    help: "The server's name in its certificate, if it isn't in --address (port-forward)",
  },
};

/**
 * What a command line says of TLS: undefined if nothing.
 * @throws MeshError `configuration` if a file can't be used, or the certificate or its key is missing.
 */
export async function readTls(line: CommandLine): Promise<ClientTls | undefined> {
  if (!line.flag("tls") && !["ca", "cert", "key", "server-name"].some((name) => line.text(name))) {
    return undefined;
  }
  const [ca, cert, key] = await Promise.all([
    readPem(line, "ca"),
    readPem(line, "cert"),
    readPem(line, "key"),
  ]);
  const serverName = line.text("server-name");
  if (ca !== undefined) checkCertificate("ca", line, ca);
  if (cert === undefined && key === undefined) return { ca, own: undefined, serverName };
  if (cert === undefined || key === undefined) {
    const [given, missing] = cert === undefined ? ["key", "cert"] : ["cert", "key"];
    throw new MeshError("configuration", `--${given} needs --${missing}: mutual TLS takes both`);
  }
  checkCertificate("cert", line, cert);
  checkPair(line, cert, key);
  return { ca, own: { cert, key }, serverName };
}

async function readPem(line: CommandLine, name: string): Promise<Buffer | undefined> {
  const file = line.text(name);
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    throw new MeshError("configuration", `--${name} ${file}: ${errorText(error)}`);
  }
}

/**
 * Checks the file of an option.
 * @throws MeshError `configuration` if there is no certificate in it.
 */
export function checkCertificate(name: string, line: CommandLine, pem: Buffer): void {
  try {
    void new X509Certificate(pem);
  } catch {
    throw new MeshError("configuration", `--${name} ${line.text(name)}: there is no certificate in it (PEM)`);
  }
}

function checkPair(line: CommandLine, cert: Buffer, key: Buffer): void {
  let fits: boolean;
  try {
    fits = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw new MeshError(
      "configuration",
      `--key ${line.text("key")}: there is no private key in it (PEM, without a password): ${
        errorText(error)
      }`,
    );
  }
  if (!fits) {
    throw new MeshError(
      "configuration",
      `--key ${line.text("key")} is not the key of the certificate in --cert ${line.text("cert")}`,
    );
  }
}
