import { MeshError } from "../runtime/errors.ts";
import { errorCodes } from "./wire/codes.ts";

/** Why ZooKeeper refused a request, in words. `other`: see the number. */
export type Refusal = Exclude<keyof typeof errorCodes, "ok"> | "other";

const refusals = new Map<number, Refusal>();
for (const name of Object.keys(errorCodes)) {
  if (isRefusal(name)) refusals.set(errorCodes[name], name);
}

function isRefusal(name: string): name is Exclude<Refusal, "other"> {
  return Object.hasOwn(errorCodes, name) && name !== "ok";
}

/** Refusals that are about the node that was asked for, and say nothing about the server. */
const aboutTheNode: ReadonlySet<Refusal> = new Set([
  "badArguments",
  "noNode",
  "noAuth",
  "badVersion",
  "noChildrenForEphemerals",
  "nodeExists",
  "notEmpty",
  "invalidAcl",
]);

/**
 * ZooKeeper refused one request. Its `code` is `invalid-record` if that is about the node (it exists already, it may
 * not be read…): requests for other nodes will do. Otherwise (throttled, no quorum…) it is `registry-unavailable`.
 */
export class ZooKeeperError extends MeshError {
  readonly refusal: Refusal;
  /** ZooKeeper's number for it, such as -110. */
  readonly errorCode: number;

  constructor(request: string, path: string, errorCode: number) {
    const refusal = refusals.get(errorCode) ?? "other";
    const code = aboutTheNode.has(refusal) ? "invalid-record" : "registry-unavailable";
    super(code, `ZooKeeper refused ${request} of "${shortened(path)}": ${refusal} (${errorCode})`);
    this.name = "ZooKeeperError";
    this.refusal = refusal;
    this.errorCode = errorCode;
  }
}

/** Names of nodes may be megabytes long. */
function shortened(path: string): string {
  return path.length <= 300 ? path : `${path.slice(0, 300)}…`;
}
