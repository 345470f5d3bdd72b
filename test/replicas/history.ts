import { ownerOf } from "../../shared/collector/ownership.ts";

/** A message that the stream has stored, in the order of the stream. */
export type Stored =
  | {
    readonly type: "entry";
    readonly host: string;
    /** Sorted addresses, joined; empty for a service without endpoints. */
    readonly endpoints: string;
    readonly unit: string;
    readonly member: string;
  }
  | { readonly type: "deleted"; readonly subject: string }
  | { readonly type: "term"; readonly members: readonly string[] };

/** What the registry had, one after the other, by host: each state a list of addresses, none of them twice. */
export type Truth = ReadonlyMap<string, readonly string[]>;

/**
 * Validators of a recorded history, one for each promise that replicas give. Each returns what breaks the promise, as
 * sentences; none if it was kept.
 */
export const promises: Readonly<Record<string, (history: readonly Stored[], truth: Truth) => string[]>> = {
  "each change is on the stream exactly once": (history) => {
    const last = new Map<string, string>();
    const broken: string[] = [];
    for (const message of history) {
      if (message.type !== "entry") continue;
      if (last.get(message.host) === message.endpoints) {
        broken.push(`${message.host} was published twice with [${message.endpoints}]`);
      }
      last.set(message.host, message.endpoints);
    }
    return broken;
  },

  "time never goes backwards: no flip between two views": (history, truth) => {
    const reached = new Map<string, number>();
    const broken: string[] = [];
    for (const message of history) {
      if (message.type !== "entry") continue;
      const { host, endpoints, member } = message;
      const state = truth.get(host)?.indexOf(endpoints) ?? -1;
      const before = reached.get(host) ?? -1;
      if (state === -1) {
        broken.push(`${host} was published with [${endpoints}], which the registry never had`);
      } else if (state < before) {
        broken.push(`${member} published state ${state} of ${host} after state ${before}`);
      }
      reached.set(host, Math.max(before, state));
    }
    return broken;
  },

  "no entry is emptied or deleted that the registry has": (history) =>
    history.flatMap((message) => {
      if (message.type === "deleted") return [`${message.subject} was deleted`];
      return message.type === "entry" && message.endpoints === "" ? [`${message.host} was emptied`] : [];
    }),

  "only the owner of a unit publishes it": (history) => {
    let members: readonly string[] = [];
    const broken: string[] = [];
    for (const message of history) {
      if (message.type === "term") ({ members } = message);
      else if (message.type === "entry" && ownerOf(message.unit, members) !== message.member) {
        broken.push(`${message.member} published ${message.unit} of ${ownerOf(message.unit, members)}`);
      }
    }
    return broken;
  },

  "in the end the stream shows what the registry has": (history, truth) => {
    const last = new Map<string, string>();
    for (const message of history) if (message.type === "entry") last.set(message.host, message.endpoints);
    return [...truth].flatMap(([host, states]) => {
      const [shown, wanted] = [last.get(host), states.at(-1)];
      return shown === wanted ? [] : [`${host} is shown with [${shown}], the registry has [${wanted}]`];
    });
  },
};
