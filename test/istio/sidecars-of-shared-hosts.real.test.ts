import { create } from "@bufbuild/protobuf";
import { describe, expect, onTestFinished, test } from "vitest";
import { NodeSchema } from "../../protos/gen/envoy/config/core/v3/base_pb.ts";
import { start } from "../../services/aggregator/aggregator-rig.ts";
import { markerRecord } from "../../services/aggregator/ingest/ingest-rig.ts";
import type { LogRecord } from "../../shared/entry-log/entry-log.ts";
import type { Manifest } from "../../shared/model/manifest.ts";
import { encodeSubject } from "../../shared/model/subject.ts";
import { requireReal } from "../servers/find.ts";
import { startIstiod } from "../servers/istiod.ts";
import { openDelta } from "../servers/sidecar-stream.ts";
import { SidecarView } from "../servers/sidecar-view.ts";

/** A host for each mode, by patterns. */
const hosts = ["orders.merge.shop", "orders.prefer.shop", "orders.separate.shop"];
const conflicts = {
  mode: "merge",
  hosts: [{ pattern: "*.prefer.shop", mode: "prefer" }, { pattern: "*.separate.shop", mode: "separate" }],
};

type Registry = "eureka" | "zookeeper";

function subjectOf(registry: Registry, { kind, metadata: { namespace, name } }: Manifest): string {
  return encodeSubject({ kind, registry, source: "default", namespace, name });
}

/** An entry of a registry, in the registry's namespace. `number` is the end of its endpoint's address. */
function entry(registry: Registry, host: string, number: number): LogRecord {
  const manifest: Manifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: `of-${registry}-${host.toLowerCase()}`, namespace: registry, labels: {} },
    spec: {
      hosts: [host],
      ports: [{ number: 80, protocol: "HTTP", name: "http-80" }],
      resolution: "STATIC",
      endpoints: [{ address: `10.0.0.${number}`, ports: { "http-80": 8080 } }],
    },
  };
  return { subject: subjectOf(registry, manifest), data: Buffer.from(JSON.stringify(manifest)) };
}

const gone = ({ subject }: LogRecord): LogRecord => ({ subject, data: null });

/** A Sidecar of the workloads of an application in the namespace `web`. */
function sidecar(app: string, egress: readonly string[]): LogRecord {
  const manifest: Manifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "Sidecar",
    metadata: { name: app, namespace: "web", labels: {} },
    spec: { workloadSelector: { labels: { app } }, egress: [{ hosts: [...egress] }] },
  };
  return { subject: subjectOf("zookeeper", manifest), data: Buffer.from(JSON.stringify(manifest)) };
}

const clusterOf = (host: string) => `outbound|80||${host}`;

describe.each(["latest", "1.22"] as const)(
  "Sidecars at istiod %s, and hosts of two registries",
  (version) => {
    const { skip } = requireReal(`istiod-${version}`);

    test.skipIf(skip)(
      "go on to match while hosts merge, and when the first one goes",
      { timeout: 180_000 },
      async () => {
        const { aggregator, publish } = await start({ conflicts });
        await publish(
          sidecar("all", hosts.map((host) => `*/${host}`)),
          sidecar(
            "eureka",
            hosts.map((host) => `eureka/${host}`),
          ),
          sidecar("zookeeper", hosts.map((host) => `zookeeper/${host}`)),
          sidecar("lower", ["*/mixed.shop"]),
          sidecar("mixed", ["*/Mixed.shop"]),
          ...hosts.map((host) => entry("zookeeper", host, 2)),
          entry("zookeeper", "mixed.shop", 2),
          markerRecord("eureka"),
          markerRecord("zookeeper"),
        );
        await aggregator.gate.opened;
        const istiod = await startIstiod({ version, mcpAddresses: [aggregator.xdsAddress] });
        onTestFinished(() => istiod[Symbol.asyncDispose]());

        const missing: string[] = [];
        let isWatching = false;
        let number = 0;
        /** A proxy of a pod of the application: answers which of the hosts it has, and where requests to them go. */
        const connect = (app: string) => {
          const view = new SidecarView();
          const ip = `10.1.0.${++number}`;
          const node = create(NodeSchema, {
            id: `sidecar~${ip}~${app}.web~web.svc.cluster.local`,
            cluster: `${app}.web`,
            metadata: { NAMESPACE: "web", CLUSTER_ID: "Kubernetes", LABELS: { app }, INSTANCE_IPS: ip },
          });
          const onMessage = () => {
            if (!isWatching || app !== "all") return;
            for (const host of hosts) {
              if ((view.endpointsOf(clusterOf(host)) ?? []).length === 0) missing.push(host);
            }
          };
          const address = `127.0.0.1:${istiod.grpcPort}`;
          const stream = openDelta({ address, node, view, onMessage, onEnd: () => {} });
          onTestFinished(() => stream.close());
          return () =>
            Object.fromEntries(
              [...hosts, "mixed.shop", "Mixed.shop"].flatMap((host) => {
                const endpoints = view.endpointsOf(clusterOf(host));
                return endpoints === undefined
                  ? []
                  : [[host, endpoints.map((each) => each.slice("10.0.0.".length, -":8080".length)).join()]];
              }),
            );
        };
        const [all, ofEureka, ofZooKeeper, lower, mixed] = ["all", "eureka", "zookeeper", "lower", "mixed"]
          .map(connect);
        const soon = { timeout: 30_000 };
        const [merged = "", preferred = "", separate = ""] = hosts;
        const own = { [merged]: "2", [preferred]: "2", [separate]: "2" };
        await expect.poll(() => [all?.(), ofEureka?.(), ofZooKeeper?.()], soon).toEqual([own, {}, own]);
        await expect.poll(() => [lower?.(), mixed?.()], soon).toEqual([{ "mixed.shop": "2" }, {}]);
        isWatching = true;

        // Eureka comes first: its namespace is that of what is served, and istiod takes one of the two that are separate.
        const first = [...hosts.map((host) => entry("eureka", host, 1)), entry("eureka", "Mixed.shop", 1)];
        await publish(...first);
        const both = { [merged]: "1,2", [preferred]: "1" };
        await expect.poll(() => [all?.(), ofEureka?.()], soon).toMatchObject([both, both]);
        // Whoever names the namespace of the second has it in the mode `separate` only.
        await expect.poll(() => ofZooKeeper?.(), soon).toEqual({ [separate]: "2" });
        // istiod compares these hosts letter by letter, and what is served has the spelling of the first.
        await expect.poll(() => [lower?.(), mixed?.()], soon).toEqual([{}, { "Mixed.shop": "1,2" }]);

        await publish(...first.map(gone));
        await expect.poll(() => [all?.(), ofEureka?.(), ofZooKeeper?.()], soon).toEqual([own, {}, own]);
        await expect.poll(() => [lower?.(), mixed?.()], soon).toEqual([{ "mixed.shop": "2" }, {}]);
        expect(missing).toEqual([]);
      },
    );
  },
);
