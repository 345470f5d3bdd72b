import { MeshError } from "../runtime/errors.ts";
import { maskUserInfo } from "../runtime/mask.ts";

/** One server of an ensemble. */
export interface Host {
  /** A name or an address, without brackets. */
  readonly name: string;
  readonly port: number;
}

/** Where an ensemble is, and below which of its nodes the client lives. */
export interface ConnectString {
  readonly hosts: readonly Host[];
  /** Empty for none; otherwise like `/meshes/one`. The server knows paths only with it. */
  readonly chroot: string;
}

const defaultPort = 2181;

/**
 * Reads ZooKeeper's connect string `host:2181,[::1]:2181/chroot`; its parts may also come one by one.
 * @throws MeshError `configuration` for a server or a chroot that is none.
 */
export function parseConnectString(servers: readonly string[]): ConnectString {
  const text = servers.join(",");
  if (text.includes("@")) {
    const remedy =
      "user and password don't stand in it; set zookeeperSource.username and zookeeperSource.password";
    throw new MeshError("configuration", `"${maskUserInfo(text)}" is no ZooKeeper server: ${remedy}`);
  }
  const slash = text.indexOf("/");
  const parts = (slash === -1 ? text : text.slice(0, slash)).split(",").filter((part) => part.trim() !== "");
  if (parts.length === 0) throw new MeshError("configuration", `no ZooKeeper server in "${text}"`);
  const hosts = parts.map(parseHost);
  const chroot = slash === -1 ? "" : text.slice(slash).trim().replace(/\/$/, "");
  if (chroot.includes("//") || chroot.includes(",")) {
    const rule = "only the last server may end in one path";
    throw new MeshError("configuration", `"${chroot}" is no ZooKeeper chroot: ${rule}`);
  }
  return { hosts, chroot };
}

function parseHost(part: string): Host {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(part.trim());
  const name = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? defaultPort);
  if (name === undefined || port === 0 || port > 65_535) {
    const expected = 'expected "host:2181" or "[::1]:2181"';
    throw new MeshError("configuration", `"${part}" is no ZooKeeper server: ${expected}`);
  }
  return { name, port };
}

/** `host:port`, with brackets where there are colons in the host. */
export function hostText({ name, port }: Host): string {
  return name.includes(":") ? `[${name}]:${port}` : `${name}:${port}`;
}

/**
 * The server's path for a path of the client.
 * @throws TypeError if the path doesn't begin with a slash, ends in one, or has an empty part: some servers answer such
 * requests with other nodes.
 */
export function toServerPath(chroot: string, path: string): string {
  if (path === "/") return chroot === "" ? "/" : chroot;
  if (!path.startsWith("/") || path.endsWith("/") || path.includes("//")) {
    throw new TypeError(`"${path}" is no path in ZooKeeper`);
  }
  return chroot + path;
}

/** The client's path for one that the server told; undefined if it isn't below the chroot. */
export function toClientPath(chroot: string, path: string): string | undefined {
  if (path === chroot) return "/";
  if (chroot === "") return path;
  return path.startsWith(`${chroot}/`) ? path.slice(chroot.length) : undefined;
}
