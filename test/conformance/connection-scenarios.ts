import { of, on, scenario } from "./scenario.ts";
import type { Scenario } from "./scenario.ts";
import { ack, ask, claim, connect, drop, each, gets } from "./stage.ts";
import { getsSameVersion, only, openGate, put, silence } from "./stage.ts";

const canary = { revision: "canary" };
const stable = { revision: "stable" };
const asCanary = { ISTIO_REVISION: "canary" };

/** Connections lost and made anew, to the same replica or another one; listeners and what they show. */
export const connectionScenarios: readonly Scenario[] = [
  scenario(
    "a client that reconnects: Delta is resent nothing, the others get the whole",
    [put("a", 1), put("b", 1), ask(), gets("a=1 b=1"), ack(), connect(), ask({ having: true })],
    [gets(each("a=1 b=1", "a=1 b=1", "")), ack(), put("b", 2), gets(each("a=1 b=2", "b=2", "b=2"))],
  ),
  scenario(
    "a client that was away gets what changed meanwhile",
    [put("a", 1), put("b", 1), put("c", 1), ask(), gets("a=1 b=1 c=1"), ack(), drop("a"), put("b", 2)],
    [gets2(), connect(), put("d", 1), drop("c"), ask({ having: true })],
    [gets(each("b=2 d=1", "b=2 d=1", "d=1 -c")), ack(), silence()],
  ),
  scenario(
    "another replica, whose log is another one, serves the same versions: Delta is resent nothing",
    [put("a", 1), put("b", 1), ask(), gets("a=1 b=1"), ack(), connect({ replica: 1 })],
    [only("delta", ask({ having: true }), gets("")), only("incremental", ask(), gets("a=1 b=1"))],
    [only("stateOfTheWorld", ask(), getsSameVersion("a=1 b=1")), ack(), silence()],
  ),
  scenario(
    "changes before a client goes to another replica, and after",
    [put("a", 1), put("b", 1), ask(), gets("a=1 b=1"), ack(), connect({ replica: 1 }), put("b", 2)],
    [drop("a")],
    [ask({ having: true }), gets(each("b=2", "b=2", "b=2 -a")), ack(), put("a", 2)],
    [gets(each("a=2 b=2", "a=2", "a=2")), ack(), silence()],
  ),
  of(
    ["delta"],
    scenario(
      "what a client brings along counts for names, too",
      [put("a", 1), put("b", 1), ask({ names: ["a", "b"] }), gets("a=1 b=1"), ack(), connect()],
      [put("b", 2)],
      [ask({ names: ["a", "b"], having: true }), gets("b=2"), ack(), silence()],
    ),
  ),
  on(
    { isOpen: false },
    of(
      ["delta"],
      scenario(
        "a client that brings something along is told of no removal before the sources have been read",
        [claim("gone", "1"), silence(), put("a", 1), openGate(), gets("a=1 -gone"), ack(), silence()],
      ),
    ),
  ),
  scenario(
    "a client of a revision sees its own resources and those of none, and loses what moves to another",
    [put("a", 1), put("b", 1, canary), put("c", 1, stable), connect({ metadata: asCanary }), ask()],
    [gets("a=1 b=1"), ack(), put("c", 2, stable), silence(), put("b", 1, stable)],
    [gets(each("a=1", "-b", "-b")), ack(), put("c", 2, canary), gets(each("a=1 c=2", "c=2", "c=2"))],
    [ack()],
    [put("b", 1), gets(each("a=1 b=1 c=2", "b=1", "b=1")), ack(), silence()],
  ),
  on(
    { listeners: [{ revision: "stable" }] },
    scenario(
      "a listener's revision goes before the client's",
      [put("a", 1), put("b", 1, canary), put("c", 1, stable), connect({ metadata: asCanary }), ask()],
      [gets("a=1 c=1"), ack(), put("b", 2, canary), silence()],
    ),
  ),
  on(
    { listeners: [{ namespaces: ["shop"] }, { registries: ["zookeeper"] }, {}] },
    scenario(
      "listeners show their namespaces and registries only",
      [put("a", 1), put("other/b", 1), put("c", 1, { registry: "zookeeper" }), ask(), gets("a=1 c=1")],
      [ack()],
      [put("other/b", 2), silence(), connect({ listener: 1 }), ask(), gets("c=1"), ack(), put("a", 2)],
      [silence()],
      [drop("c"), gets(each("", "-c", "-c")), connect({ listener: 2 }), ask(), gets("a=2 other/b=2")],
    ),
  ),
  on(
    { listeners: [{ shard: { index: 0, of: 2 } }, { shard: { index: 1, of: 2 } }] },
    of(
      ["incremental", "delta"],
      scenario(
        "shards are for the state of the world: other dialects see everything on each",
        [put("a", 1), put("b", 1), put("c", 1), put("d", 1), ask(), gets("a=1 b=1 c=1 d=1"), ack()],
        [connect({ listener: 1 }), ask(), gets("a=1 b=1 c=1 d=1"), ack(), put("a", 2), gets("a=2")],
        [put("b", 2)],
        [ack(), gets("b=2"), ack(), silence()],
      ),
    ),
  ),
];

/** What two changes at once are to a client that has `a=1 b=1 c=1`. */
function gets2() {
  return gets(each("b=2 c=1", "b=2 -a", "b=2 -a"));
}
