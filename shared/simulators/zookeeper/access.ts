import { createHash } from "node:crypto";
import { errorCodes, permissions } from "../../zookeeper/wire/codes.ts";
import type { Acl } from "../../zookeeper/wire/records.ts";
import type { ZooKeeperTree } from "./tree.ts";

/** What a node may be used for. */
export type Permission = Exclude<keyof typeof permissions, "all">;

/** The id of a `user:password` in access lists of the scheme `digest`, as the server derives it. */
export function digestId(credentials: Uint8Array): string {
  const text = Buffer.from(credentials).toString();
  const hash = createHash("sha1").update(text).digest("base64");
  return `${text.split(":", 1)[0]}:${hash}`;
}

/** Whether a client with these digest ids may. Without an access list everybody may everything. */
export function isAllowed(
  acl: readonly Acl[] | undefined,
  ids: ReadonlySet<string>,
  wanted: Permission,
): boolean {
  return acl === undefined || acl.some((entry) => {
    if ((entry.permissions & permissions[wanted]) === 0) return false;
    return entry.scheme === "digest" ? ids.has(entry.id) : entry.scheme === "world";
  });
}

/**
 * The access list that a new node gets: `auth` stands for whoever creates it. Undefined for a list that lets everybody
 * do everything, which need not be kept; "invalid" where ZooKeeper refuses.
 */
export function grantedAcl(
  asked: readonly Acl[],
  ids: ReadonlySet<string>,
): readonly Acl[] | undefined | "invalid" {
  const granted = asked.flatMap((entry) =>
    entry.scheme === "auth" ? [...ids].map((id) => ({ ...entry, scheme: "digest", id })) : [entry]
  );
  if (granted.length === 0 || !granted.every(({ scheme }) => scheme === "digest" || scheme === "world")) {
    return "invalid";
  }
  const open = granted.some(({ scheme, permissions: bits }) =>
    scheme === "world" && bits === permissions.all
  );
  return open ? undefined : granted;
}

/** Names of the children of a node, or the number of the error if it isn't there, or may not be read. */
export function readableNames(
  tree: ZooKeeperTree,
  path: string,
  ids: ReadonlySet<string>,
): string[] | number {
  const node = tree.get(path);
  if (node === undefined) return errorCodes.noNode;
  return isAllowed(node.acl, ids, "read") ? [...node.children.keys()] : errorCodes.noAuth;
}
