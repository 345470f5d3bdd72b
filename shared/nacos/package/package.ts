import { createRequire } from "node:module";
import { errorText, MeshError } from "../../runtime/errors.ts";

declare global {
  // Deno's type check of entry points knows it only if told so.
  interface ImportMeta {
    url: string;
  }
}

/** What the package calls a service. */
export interface PackageService {
  readonly serviceName: string;
  readonly groupName: string;
}

/** How a client of the `nacos` package is made: only what we use. */
export interface PackageOptions {
  readonly logger: Readonly<Record<"debug" | "info" | "warn" | "error", () => void>>;
  /** `host:port`; the path `/nacos/v1/ns` is the package's own. */
  readonly serverList: readonly string[];
  readonly namespace: string;
  readonly ssl: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly accessKey?: string;
  readonly secretKey?: string;
}

/** A client of the `nacos` package: only what we use. */
export interface PackageClient {
  on(event: "error", listener: (error: unknown) => void): void;
  /** Rejects if the package could not begin. */
  ready(): Promise<unknown>;
  subscribe(service: PackageService, listener: () => void): void;
  unSubscribe(service: PackageService, listener: () => void): void;
  close(): Promise<unknown>;
}

/** The version that this was written and tested with. */
const testedVersion = "2.6.3";

/**
 * Loads the `nacos` package, Nacos' own client for Node, and answers what makes clients. It is an optional peer
 * dependency, which isn't installed by itself: it brings a hundred others.
 * @throws MeshError `configuration` if it isn't installed, or this is Deno.
 */
export function loadNacosPackage(): (options: PackageOptions) => PackageClient {
  if ("Deno" in globalThis) {
    throw new MeshError("configuration", 'driver "package" needs Node: use driver "pure" on Deno');
  }
  let loaded: unknown;
  try {
    // A CommonJS package. Unlike an import this also looks where NODE_PATH says.
    loaded = createRequire(import.meta.url)("nacos");
  } catch (error) {
    const [why = ""] = errorText(error).split("\n");
    const how = `install it by "npm install --no-save nacos@${testedVersion}", or use driver "pure"`;
    throw new MeshError("configuration", `driver "package" can't load the package "nacos" (${why}): ${how}`, {
      cause: error,
    });
  }
  const client = typeof loaded === "object" && loaded !== null && "NacosNamingClient" in loaded
    ? loaded.NacosNamingClient
    : undefined;
  if (typeof client !== "function") {
    throw new MeshError("configuration", 'the package "nacos" isn\'t the one that we know: it has no client');
  }
  return (options) => {
    // The package's own word for its types; the suite shows that they hold for the tested version.
    const constructed: PackageClient = Reflect.construct(client, [options]);
    return constructed;
  };
}
