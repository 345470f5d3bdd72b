import { readFile } from "node:fs/promises";
import type { NacosServer, NacosSource } from "../../../shared/config/mod.ts";
import type { NacosCredentials, NacosGeneration, NacosOptions } from "../../../shared/nacos/nacos.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";

/** What the clusters of a source have in common. */
export type SharedNacosOptions = Omit<NacosOptions, "servers" | "credentials" | "consoleUrl" | "grpcPort">;

/**
 * How the clusters of a source are reached, but for what each has of its own; with the TLS files read.
 * @throws MeshError `configuration` for a file that can't be read.
 */
export async function sharedNacosOptions(
  { mode, driver, generation, requestTimeout, refreshPeriod, tls }: NacosSource,
  headers: Readonly<Record<string, string>>,
): Promise<SharedNacosOptions> {
  return {
    driver,
    mode: mode === "watching" || mode === "auto" ? mode : "polling",
    generation: generationOf(generation),
    headers,
    requestTimeoutMs: requestTimeout,
    refreshPeriodMs: refreshPeriod,
    tls: tls && {
      ca: await readPem(tls.caFile, "caFile"),
      cert: await readPem(tls.certFile, "certFile"),
      key: await readPem(tls.keyFile, "keyFile"),
    },
  };
}

/** How one cluster is reached. */
export function nacosOptions(server: NacosServer, shared: SharedNacosOptions): NacosOptions {
  const { address, consoleUrl, grpcPort } = server;
  return {
    ...shared,
    servers: address,
    credentials: credentialsOf(server),
    consoleUrl: consoleUrl === "" ? undefined : consoleUrl,
    grpcPort: grpcPort === 0 ? undefined : grpcPort,
  };
}

function credentialsOf(server: NacosServer): NacosCredentials | undefined {
  const { username, password, accessKey, secretKey, securityToken, signingRegion } = server;
  if (username !== "") return { kind: "password", username, password };
  if (accessKey === "") return undefined;
  return {
    kind: "aliyun",
    accessKey,
    secretKey,
    securityToken: securityToken === "" ? undefined : securityToken,
    region: signingRegion === "" ? undefined : signingRegion,
  };
}

function generationOf(number: number): NacosGeneration | undefined {
  return number === 1 || number === 2 || number === 3 ? number : undefined;
}

async function readPem(path: string, key: string): Promise<string | undefined> {
  if (path === "") return undefined;
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new MeshError("configuration", `nacosSource.tls.${key}: cannot read ${path}`, { cause: error });
  }
}
