import { of, on, scenario } from "./scenario.ts";
import type { Scenario } from "./scenario.ts";
import { ack, ask, drop, each, entries, gets, nack, openGate, put, say, silence } from "./stage.ts";

const oldEntries = "networking.istio.io/v1alpha3/ServiceEntry";
const sidecars = "networking.istio.io/v1/Sidecar";
const gateways = "networking.istio.io/v1/Gateway";
const sidecar = { kind: "Sidecar" } as const;

/** Requests, acknowledgements, refusals: what is said on one stream. */
export const exchangeScenarios: readonly Scenario[] = [
  scenario(
    "a first request is answered with everything, once",
    [put("a", 1), put("b", 1), ask(), gets("a=1 b=1"), ack(), silence()],
  ),
  scenario("a first request is answered also if there is nothing", [ask(), gets(""), ack(), silence()]),
  of(
    ["stateOfTheWorld", "delta"],
    scenario(
      "a first request may carry any nonce",
      [
        put("a", 1),
        ask({ nonce: "of another stream" }),
        gets("a=1"),
      ],
    ),
  ),
  scenario(
    "a change waits for the ACK of what is on its way",
    [put("a", 1), ask(), gets("a=1"), put("b", 1), silence(), ack()],
    [gets(each("a=1 b=1", "b=1", "b=1")), ack(), silence()],
  ),
  scenario(
    "changes that wait are one answer",
    [put("a", 1), ask(), gets("a=1"), put("b", 1), put("c", 1), put("b", 2), drop("a"), silence()],
    [ack()],
    [gets(each("b=2 c=1", "b=2 c=1 -a", "b=2 c=1 -a")), ack(), silence()],
  ),
  scenario(
    "what came and went while the client was silent is never heard of",
    [put("a", 1), ask(), gets("a=1"), put("b", 1), drop("b"), ack(), silence()],
  ),
  scenario(
    "the same content published again is no change",
    [put("a", 1), ask(), gets("a=1"), ack(), put("a", 1), silence()],
  ),
  scenario(
    "the last resource goes",
    [put("a", 1), ask(), gets("a=1"), ack(), drop("a"), gets(each("", "-a", "-a")), ack(), silence()],
  ),
  scenario(
    "an ACK of an earlier response acknowledges nothing",
    [put("a", 1), ask(), gets("a=1"), ack(), put("b", 1), gets(each("a=1 b=1", "b=1", "b=1"))],
    [put("c", 1), ack({ back: 1 }), silence(), ack(), gets(each("a=1 b=1 c=1", "c=1", "c=1"))],
  ),
  scenario(
    "no late, repeated or invented ACK is answered",
    [put("a", 1), ask(), gets("a=1"), ack(), put("b", 1), gets(each("a=1 b=1", "b=1", "b=1")), ack()],
    [ack(), ack(), ack({ back: 1 }), say("invented"), silence()],
  ),
  scenario(
    "a refused answer isn't repeated, but the next change is sent",
    [put("a", 1), ask(), gets("a=1"), nack("no"), silence(), put("a", 2), gets("a=2"), ack()],
    [silence()],
  ),
  scenario(
    "a change that waited behind a refused answer follows it",
    [put("a", 1), ask(), gets("a=1"), put("b", 1), silence(), nack("no")],
    [gets(each("a=1 b=1", "b=1", "b=1")), ack(), silence()],
  ),
  on(
    { protocol: { nackBackoff: 30 } },
    of(
      ["delta"],
      scenario(
        "a refused resource is tried again after a while, a refused removal, too",
        [put("a", 1), ask(), gets("a=1"), nack("no"), gets("a=1"), nack("shop/a: no"), gets("a=1")],
        [ack()],
        [drop("a"), gets("-a"), nack("no"), gets("-a"), ack(), silence()],
      ),
    ),
  ),
  of(
    ["delta"],
    scenario(
      "the neighbours of a refused resource are sent once more, and it is sent when it changes",
      [put("a", 1), put("b", 1), ask(), gets("a=1 b=1"), nack("ServiceEntry/shop/a: no"), gets("b=1")],
      [ack()],
      [silence(), put("a", 2), gets("a=2"), ack(), silence()],
    ),
  ),
  scenario(
    "a type that nobody has is answered empty, and never again",
    [put("a", 1), ask({ typeUrl: gateways }), gets("", gateways), ack({ typeUrl: gateways })],
    [put("b", 1), ack({ typeUrl: gateways }), silence()],
  ),
  scenario(
    "types of one stream have answers, nonces and ACKs of their own",
    [put("a", 1), put("s", 1, sidecar), ask(), gets("a=1"), ask({ typeUrl: sidecars })],
    [gets("s=1", sidecars)],
    [ack(), ack({ typeUrl: sidecars }), put("s", 2, sidecar), gets("s=2", sidecars), put("a", 2)],
    [gets("a=2")],
    [put("a", 3), ack({ typeUrl: sidecars }), silence(), ack(), gets("a=3"), ack(), silence()],
  ),
  scenario(
    "a type is answered under the URL of the request, also two of them on one stream",
    [put("a", 1), ask({ typeUrl: oldEntries }), gets("a=1", oldEntries), ack({ typeUrl: oldEntries })],
    [ask(), gets("a=1"), ack(), put("a", 2), gets("a=2", oldEntries), gets("a=2", entries)],
  ),
  on(
    { isOpen: false },
    scenario(
      "before all sources have been read only types that nobody has are answered, then everything",
      [put("a", 1), ask(), silence(), ask({ typeUrl: gateways }), gets("", gateways), put("b", 1)],
      [silence()],
      [openGate(), gets("a=1 b=1"), ack(), silence()],
    ),
  ),
];
