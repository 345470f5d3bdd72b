import type { ReasonCode } from "./reasons.ts";

/** What each reason means and how to mend it: the paragraphs of `docs/reasons.md`, for answers and the console. */
export const reasonHelp: Readonly<Record<ReasonCode, string>> = {
  MR1101:
    "The collector's view of the registry holds a record that fits. Its place in the registry is in the details.",
  MR1102:
    "The registry was read completely, and no record fits. Look whether the application has registered: at the right cluster, under this address, in a namespace or group that the source reads. A registration that comes and goes is in the registry's own log.",
  MR1103:
    "The collector says why. What it read before stays served. Mend the registry, its address or its credentials; `meshctl sources` shows when it was last read.",
  MR1104:
    "The collector gives signs of life and did not answer the question within a second: it is busy, or of a version that doesn't know the question. The other stages are right all the same. Ask again.",
  MR1105:
    "Nothing reads the registry. What was published before stays served and no longer changes. Start the collector (`kubectl get pods`); `meshctl sources` names the last one.",
  MR1106:
    "The collector has begun and does not know the whole registry. Wait; the log of the collector says how far it is, and what it waits for.",
  MR1201: "No filter of the source leaves the record out.",
  MR1202:
    "The record is damaged, or lacks what an endpoint needs; the reason is in the text. Its neighbours are published. Mend what registers it.",
  MR1203:
    "The registry has the record, and the service is converted without it: it is down or disabled, a filter of the source (`instanceFilter`, `endpointSelectors`, groups, namespaces) leaves it out, or its address is none that a proxy may call (loopback, link-local). Compare the record in the details with the source's section in configuration.md.",
  MR1301: "The name rules of the source gave these. A client calls the service by the host.",
  MR1401: "The record is in an entry of the collector.",
  MR1402:
    "The registry has the service, and nothing is made of it: no instance of it can be used, or the rules of the source choose other services. `meshctl convert` shows what becomes of a registry's answer with a configuration.",
  MR1501: "Istio and Envoy take the entry as it is.",
  MR1502:
    "The collector leaves out what breaks the rule, or the whole entry if that is not enough, since istiod would drop it without a word. The text names the rule. `meshctl validate` checks a manifest by hand.",
  MR1601: "The entry log holds what the collector made of the registry.",
  MR1602:
    "The registry lost more at once than `guard.maxShrinkPercent` lets through, so the entry stays as it was. If the loss is real: `meshctl held release`. It is released by itself after `guard.holdTime`.",
  MR1603:
    "The collector has converted the entry and has not stored it: it has no share of the source yet, the entry log is away, or the change waits for its turn. Look at the collector's log.",
  MR1604: "NATS says why: no permission for the subject, a full stream, a message that is too large.",
  MR1605:
    "The replicas of a collector share a source. This one sees the record, and another one publishes it.",
  MR2001: "The aggregator has read it. Its position is in the details.",
  MR2002:
    "Neither a message of the stream nor an entry that is served has this host, name or address. The stages before say where it was lost.",
  MR2003: "NATS is away, so what changed since is unknown. What was read before stays served.",
  MR2004: "The aggregator has just started, or reads the stream anew. Ask again in a moment.",
  MR2005:
    "The service is on the stream, and no endpoint of it has this address. The stages before say why. Also compare the port: an instance at another port is another endpoint.",
  MR2006:
    'The entry is kept without endpoints, so that callers get "no healthy upstream" in place of an unknown host. The stages before say whether the registry has no instance any more, or which stage leaves all of them out. Once a service has been empty for `retention.emptyServices`, it is deleted.',
  MR2101: "It breaks no rule, and clients get it whole.",
  MR2102:
    "The message on the stream breaks a rule, so clients get it without some endpoints, or not at all; the text says which. Who published it has to publish it anew. A collector of this version never publishes such a message: look for another program that writes to the stream, or for an older collector.",
  MR2103:
    "The newest message can't be served. Clients get the version before for one minute, so that the collector has time to overwrite the message. After that the service goes.",
  MR2104:
    "In the `slime` profile nothing is left out, because a patched istiod may take it; or the range of virtual addresses is full.",
  MR2201: "The stream as it is now has shown it.",
  MR2202: "The entry log was reset. The entry stays served until its source has been read completely.",
  MR2203:
    "After a reset of the entry log the source came back without it, and without so much else that it looks like an accident. It stays served until `guard.holdTime` is over. If it is really gone: `meshctl held release`.",
  MR2301: "The entry is served as its source has it.",
  MR2302:
    "Several sources have the host, and clients get one entry with the endpoints of all (conflicts.md).",
  MR2303:
    "The entries differ in what one entry can't hold (ports, resolution, who sees it). Clients get the first by precedence that has endpoints. Make the entries equal, or choose another mode for the host in `conflicts.hosts`.",
  MR2304:
    "The rule for this host serves one source, and this is another one. `conflicts.order` decides, or the order of the host in `conflicts.hosts`.",
  MR2305: "The mode is `separate`. istiod may join such entries, or take one of them.",
  MR2401: "Proxies know the service by its host, or virtual addresses are off.",
  MR2402: "Proxies tell its connections from others by this address.",
  MR2403:
    "The entry is held back until its host has an address, since it would change at once. If that lasts: `/meshregistry/virtualAddresses` says what the bucket complains about.",
  MR2404: "Enlarge the range in `virtualAddresses`, or set `releaseAfter` lower.",
  MR2501:
    "No istiod has found the aggregator. `meshctl config-sources` prints what istiod needs. istiod reads `configSources` at its start only.",
  MR2502: "The last response to the client has the entry as it is.",
  MR2503:
    "The client's revision, the namespaces and registries of its listener, or its shard leave the entry out. With shards, another connection of the same istiod has it.",
  MR2504: "A source has not been read completely, and its `waitTime` isn't over. `meshctl sources` names it.",
  MR2505: "An earlier response waits for its acknowledgement, or the push waits for `push.minInterval`.",
  MR2506: "It is connected and has not subscribed. Look at its log.",
  MR2601:
    "istiod has the entry. If a proxy lacks it all the same, look at istiod (`istioctl proxy-status`), at `exportTo`, and at Sidecars of the caller's namespace.",
  MR2602:
    "The client's own words are in the text. It keeps what it had before. Mend what it complains about at the source.",
  MR2603:
    "It was sent, and the client has not said that it took it. If that lasts, the client is overloaded.",
  MR2604: "A long poll tells what the client has when it asks again.",
  MR2701:
    "The istiod's own configuration (`/debug/configz`) holds the entry in the version that is served. What a proxy lacks all the same is between istiod and the proxy (`istioctl proxy-status`, `exportTo`, Sidecars).",
  MR2702:
    "The istiod holds the entry in another version than the one that is served to clients without filters: the change is on its way, the client refused it (see the stage before), or its view shows it something else (`xds.listeners`). If it lasts, look at the client with `meshctl clients`.",
  MR2703:
    "The istiod's configuration lacks the entry: it isn't connected to this aggregator (`meshctl clients`; `meshctl config-sources` prints what its mesh configuration needs), its view leaves the entry out, or it rejected the entry by a rule of its own, which its log tells.",
  MR2704:
    "The address in `istiod.debug` can't be reached, refuses, or is that of another server, whose answer is no list of configurations. Other stages are right all the same. istiod answers requests from elsewhere than its own pod only with the token of a service account in its system namespace, or in one of `DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES`, with the audience `istio-ca` (`istiod.bearerFile`).",
  MR3001:
    "Look at NATS, at `nats.servers` and at the credentials. Nothing is lost: what was read before stays served, and collectors publish when NATS is back.",
  MR3002:
    "State of the world deletes what a response leaves out, so no client is served before every source was read or its `waitTime` is over. `meshctl sources` says which ones are waited for, and why.",
  MR3003: "The aggregator has started without NATS and serves what it knew before. Bring NATS back.",
  MR3004: "The remark says what is odd and what to do.",
  MR3005:
    "The entry log can be used, and its stream is set in a way that loses messages or makes publishing slow. The notice says what it costs; A stream of your own has all settings.",
};
