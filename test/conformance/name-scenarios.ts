import { of, scenario } from "./scenario.ts";
import type { Scenario } from "./scenario.ts";
import { ack, ask, drop, gets, nack, put, say, silence } from "./stage.ts";

/** Subscriptions by name. */
export const nameScenarios: readonly Scenario[] = [
  of(
    ["stateOfTheWorld", "incremental"],
    scenario(
      "names limit what is sent, and other names under the last nonce are answered whole",
      [put("a", 1), put("b", 1), ask({ names: ["a"] }), gets("a=1"), ack({ names: ["a"] }), silence()],
      [ack({ names: ["a", "b"] }), gets("a=1 b=1"), ack({ names: ["a", "b"] }), silence()],
    ),
  ),
  ...[
    scenario(
      "of names only these are sent, and one that isn't there is said to be gone",
      [put("a", 1), put("b", 1), ask({ names: ["a", "x"] }), gets("a=1 -x"), ack(), put("b", 2)],
      [silence()],
      [put("a", 2), gets("a=2"), ack(), put("x", 1), gets("x=1"), ack(), drop("x"), gets("-x"), ack()],
      [silence()],
    ),
    scenario(
      "names come and go with ACKs",
      [put("a", 1), put("b", 1), ask({ names: ["a"] }), gets("a=1"), ack({ subscribe: ["b"] })],
      [gets("b=1")],
      [ack({ unsubscribe: ["a"] }), put("a", 2), silence(), put("b", 2), gets("b=2"), ack()],
      [silence()],
    ),
    scenario(
      "names come and go whatever the nonce is, which acknowledges nothing",
      [put("a", 1), put("b", 1), ask({ names: ["a"] }), gets("a=1"), say("", ["b"]), silence(), ack()],
      [gets("b=1"), say("invented", [], ["a"]), put("b", 2), silence(), ack(), gets("b=2"), ack()],
      [put("a", 2), silence()],
    ),
    scenario(
      "a name that is subscribed again is answered again",
      [put("a", 1), ask({ names: ["a"] }), gets("a=1"), ack(), say("", ["a"]), gets("a=1"), ack()],
      [silence()],
    ),
    scenario(
      "a name that was given up and is subscribed again is answered, also if it is gone",
      [put("a", 1), ask({ names: ["a"] }), gets("a=1"), ack({ unsubscribe: ["a"] }), drop("a")],
      [silence()],
      [say("", ["a"]), gets("-a"), ack(), put("a", 3), gets("a=3"), ack(), silence()],
    ),
    scenario(
      "the wildcard by its name is everything, and asked for again it is not sent again",
      [put("a", 1), ask({ names: ["*"] }), gets("a=1"), ack({ subscribe: ["*"] }), silence()],
      [put("b", 1), gets("b=1"), ack(), silence()],
    ),
    scenario(
      "the wildcard joins names, and names stay when it goes",
      [put("a", 1), put("b", 1), ask({ names: ["a"] }), gets("a=1"), ack({ subscribe: ["*"] })],
      [gets("a=1 b=1"), ack({ unsubscribe: ["*"] }), put("b", 2), silence(), put("a", 2), gets("a=2")],
      [ack()],
      [silence()],
    ),
    scenario(
      "a name that is given up under the wildcard is sent once more, because the client may have dropped it",
      [put("a", 1), put("b", 1), ask({ names: ["*", "a"] }), gets("a=1 b=1")],
      [ack({ unsubscribe: ["a"] })],
      [gets("a=1"), ack(), put("a", 2), gets("a=2"), ack(), silence()],
    ),
    scenario(
      "nothing is subscribed any more, nothing is sent",
      [put("a", 1), ask({ names: ["*"] }), gets("a=1"), ack({ unsubscribe: ["*"] }), put("a", 2)],
      [drop("a")],
      [silence()],
    ),
    scenario(
      "a refused name that is subscribed again is sent at once",
      [put("a", 1), ask({ names: ["a"] }), gets("a=1"), nack("no"), silence(), say("", ["a"])],
      [gets("a=1"), ack()],
      [silence()],
    ),
  ].map((each) => of(["delta"], each)),
];
