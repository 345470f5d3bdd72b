/** What the addresses of a configuration can be, as text. Without I/O; nothing is resolved. */

/** What is wrong with an address, in a clause for its user; undefined if nothing is. */
export type AddressFault = string | undefined;

const encoded = "in user name and password write %23 for #, %2F for /, %3F for ?";
const onePerItem = "write one item of the list for each";

/** A URL with one of these protocols (`http:`) and a host. */
export function isUrl(text: string, protocols: readonly string[]): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && protocols.includes(url.protocol) && url.hostname !== "";
}

/** A name or an address; IPv6 in brackets. A number alone is a port whose host was forgotten. */
export function isHost(text: string): boolean {
  return !/^\d+$/.test(text) && /^(?:[\w.-]+|\[[0-9a-f:.%\w]+\])$/i.test(text);
}

/** `host:port`; no host means every address. */
export function isHostPort(text: string): boolean {
  const colon = text.lastIndexOf(":");
  if (colon === -1) return false;
  const host = text.slice(0, colon);
  const port = text.slice(colon + 1);
  return /^\d{1,5}$/.test(port) && Number(port) <= 65_535 && (host === "" || isHost(host));
}

/** A server of a registry that is asked over HTTP. */
export function httpAddressFault(text: string): AddressFault {
  if (isListOf(text, (part) => /^https?:\/\//i.test(part) || isHostAndPath(part))) {
    return `these are several addresses; ${onePerItem}`;
  }
  if (!isUrl(text, ["http:", "https:"])) return text.includes("@") ? encoded : "";
  // A slash or hash in the password ends the host too early: the rest of the password is taken for a path.
  return behindHost(text).includes("@") ? `an @ stands behind the host; ${encoded}` : undefined;
}

/** A NATS server: a URL, `host:port` or `host`. */
export function natsServerFault(text: string): AddressFault {
  if (isHostPort(text) || isHost(text)) return undefined;
  if (text.includes(",")) return `these are several servers; ${onePerItem}`;
  // NATS' client ignores it, and would be refused without saying why.
  if (text.includes("@")) {
    return "user and password don't stand in it; set nats.user and nats.password, or nats.token";
  }
  return isUrl(text, ["nats:", "tls:", "ws:", "wss:"]) ? undefined : "";
}

/** A server of a ZooKeeper ensemble; `isLast` is the one that may have a chroot behind it. */
export function zooKeeperServerFault(text: string, isLast: boolean): AddressFault {
  // ZooKeeper's connect string has one chroot, behind the last host.
  const server = isLast ? text.replace(/(\/[^/]+)+$/, "") : text;
  if (isHostPort(server) || isHost(server)) return undefined;
  if (text.includes("@")) {
    return "user and password don't stand in it; set zookeeperSource.username and zookeeperSource.password";
  }
  if (/^zookeeper:/i.test(text) || /[?&]backup=/.test(text)) {
    return "this is the form of Dubbo's own configuration; write one item for each server, the backups too";
  }
  if (text.includes(",")) return `these are several servers; ${onePerItem}`;
  if (/^[0-9a-f]*:[0-9a-f:.]*:/i.test(text)) return "put the IPv6 address in brackets: [2001:db8::1]:2181";
  if (!isLast && text.includes("/")) return "only the last server may end in a chroot";
  return "";
}

/** True for two and more addresses with commas between them. A password may hold commas as well. */
function isListOf(text: string, isAddress: (part: string) => boolean): boolean {
  const parts = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  return text.includes(",") && parts.length > 0 && parts.every(isAddress);
}

function isHostAndPath(text: string): boolean {
  return /^[\w.-]+(?::\d{1,5})?(?:\/[^@]*)?$/.test(text);
}

/** What follows user information, host and port. */
function behindHost(text: string): string {
  const { pathname, search, hash } = new URL(text);
  return pathname + search + hash;
}
