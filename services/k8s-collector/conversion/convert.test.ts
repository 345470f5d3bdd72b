import { describe, expect, test } from "vitest";
import { validateManifest } from "../../../shared/istio/mod.ts";
import { atPod, convertOne, convertRaw, node, pod, service, slice } from "./conversion-rig.ts";

const addressesOf = (...args: Parameters<typeof convertOne>) =>
  convertOne(...args).spec.endpoints?.map(({ address }) => address);

const dualStack = { ipFamilies: ["IPv4", "IPv6"] };
const v6 = (name: string, addresses: readonly string[]) => slice(name, addresses, { addressType: "IPv6" });

describe("a Service", () => {
  test("with all that may stand in it", () => {
    const entry = convertOne({
      service: service({ clusterIPs: ["10.96.0.7"], trafficDistribution: "PreferClose" }, {
        labels: { app: "orders", "istio.io/global": "true" },
        annotations: {
          "networking.istio.io/exportTo": " shop , web,",
          "alpha.istio.io/kubernetes-serviceaccounts": "legacy, old",
          "alpha.istio.io/canonical-serviceaccounts": "spiffe://acme/x",
          other: "not taken over",
        },
      }),
      slices: [slice("orders-a", [atPod("10.0.0.2", "p2"), atPod("10.0.0.1", "p1")])],
      pods: [
        pod("p1", { app: "orders", "pod-template-hash": "x", "security.istio.io/tlsMode": "istio" }),
        pod("p2", { app: "orders" }, { serviceAccountName: "other" }),
      ],
      nodes: [node("n1", { "topology.kubernetes.io/region": "eu", "topology.kubernetes.io/zone": "eu-1" })],
      namespaces: [{
        metadata: { name: "istio-system", labels: { "topology.istio.io/network": "net-east" } },
      }],
    }, { revision: "canary" });
    const common = {
      app: "orders",
      "kubernetes.io/hostname": "n1",
      "topology.istio.io/cluster": "east",
      "topology.istio.io/network": "net-east",
      "topology.kubernetes.io/region": "eu",
      "topology.kubernetes.io/zone": "eu-1",
    };
    expect(entry).toEqual({
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: {
        name: "orders",
        namespace: "shop",
        labels: {
          app: "orders",
          "istio.io/global": "true",
          registry: "kubernetes",
          "istio.io/rev": "canary",
        },
        annotations: { "networking.istio.io/traffic-distribution": "PreferClose" },
      },
      spec: {
        hosts: ["orders.shop.svc.cluster.local"],
        ports: [{ number: 80, name: "http", protocol: "HTTP" }],
        location: "MESH_INTERNAL",
        resolution: "STATIC",
        exportTo: ["shop", "web"],
        subjectAltNames: [
          "spiffe://acme/x",
          "spiffe://cluster.local/ns/shop/sa/legacy",
          "spiffe://cluster.local/ns/shop/sa/old",
        ],
        endpoints: [
          {
            address: "10.0.0.1",
            ports: { http: 8080 },
            labels: { ...common, "security.istio.io/tlsMode": "istio" },
            network: "net-east",
            locality: "eu/eu-1",
            serviceAccount: "orders",
          },
          {
            address: "10.0.0.2",
            ports: { http: 8080 },
            labels: common,
            network: "net-east",
            locality: "eu/eu-1",
            serviceAccount: "other",
          },
        ],
      },
    });
    expect(validateManifest(entry).filter(({ severity }) => severity === "error")).toEqual([]);
  });

  test("has its cluster IPs for addresses only where that is asked for", () => {
    const raw = { service: service({ clusterIPs: ["10.96.0.7", "fd00::7"], clusterIP: "10.96.0.7" }) };
    expect(convertOne(raw).spec.addresses).toBeUndefined();
    expect(convertOne(raw, { clusterIps: true }).spec.addresses).toEqual(["10.96.0.7", "fd00::7"]);
    const old = { service: service({ clusterIP: "10.96.0.7" }) };
    expect(convertOne(old, { clusterIps: true }).spec.addresses).toEqual(["10.96.0.7"]);
    const headless = { service: service({ clusterIP: "None", clusterIPs: ["None"] }) };
    expect(convertOne(headless, { clusterIps: true }).spec.addresses).toBeUndefined();
  });

  test("that is headless has endpoints as any other", () => {
    const raw = { service: service({ clusterIP: "None" }), slices: [slice("a", ["10.0.0.1"])] };
    expect(convertOne(raw).spec).toMatchObject({
      resolution: "STATIC",
      endpoints: [{ address: "10.0.0.1" }],
    });
  });

  test("that is an ExternalName is looked up outside of the mesh", () => {
    const raw = {
      service: service({ type: "ExternalName", externalName: "db.example", ports: [{ port: 5432 }] }),
    };
    expect(convertOne(raw).spec).toEqual({
      hosts: ["orders.shop.svc.cluster.local"],
      ports: [{ number: 5432, name: "port-5432" }],
      location: "MESH_EXTERNAL",
      resolution: "DNS",
      endpoints: [{ address: "db.example" }],
    });
  });

  test.each([
    [service({ ports: null }), "it has no port that Istio knows, so there is nothing to publish"],
    [
      service({ type: "ExternalName", externalName: "a.example", ports: [] }),
      "it has no port that Istio knows",
    ],
    [service({ ports: [{ port: 9, protocol: "SCTP" }] }), "port 9 is left out: Istio has no SCTP"],
    [service({ type: "ExternalName" }), "it is an ExternalName without a name"],
  ])("that can't be an entry is none, and that is said: %j", (raw, reason) => {
    const { entries, reports } = convertRaw({ east: { service: raw } });
    expect(entries).toEqual([]);
    expect(reports.join()).toContain(`east: Service shop/orders: ${reason}`);
  });

  test.each(["~", " ~ , shop"])("whose exportTo is %j is for no namespace, and no entry", (exportTo) => {
    const raw = { service: service({}, { annotations: { "networking.istio.io/exportTo": exportTo } }) };
    expect(convertRaw({ east: raw })).toEqual({ entries: [], reports: [] });
  });

  test.each([
    [
      { trafficDistribution: "PreferSameZone" },
      { "networking.istio.io/traffic-distribution": "A" },
      "PreferSameZone",
    ],
    [{}, { "networking.istio.io/traffic-distribution": "PreferSameNode" }, "PreferSameNode"],
    [{}, {}, "PreferClose"],
  ])("says how near an endpoint has to be: %j %j", (spec, annotations, expected) => {
    const namespace = {
      metadata: { name: "shop", annotations: { "networking.istio.io/traffic-distribution": "PreferClose" } },
    };
    const entry = convertOne({ service: service(spec, { annotations }), namespaces: [namespace] });
    expect(entry.metadata.annotations).toEqual({ "networking.istio.io/traffic-distribution": expected });
  });
});

describe("ports", () => {
  test("TCP and UDP with one number are the TCP port, in any order (istio#11658); SCTP is left out and named", () => {
    const ports = [
      { name: "dns", port: 53, protocol: "UDP" },
      { name: "dns-tcp", port: 53, protocol: "TCP" },
      { name: "sctp", port: 90, protocol: "SCTP" },
      { name: "log", port: 514, protocol: "UDP" },
    ];
    const slices = [
      slice("a", ["10.0.0.1"], { portNumbers: { dns: 5353, "dns-tcp": 5354, sctp: 90, log: 1514 } }),
    ];
    for (const order of [ports, ports.toReversed()]) {
      const { entries: [entry], reports } = convertRaw({
        east: { service: service({ ports: order }), slices },
      });
      expect(entry?.spec.ports).toEqual([
        { number: 53, name: "dns-tcp", protocol: "TCP" },
        { number: 514, name: "log", protocol: "UDP" },
      ]);
      expect(entry?.spec.endpoints?.map(({ ports: numbers }) => numbers)).toEqual([{
        "dns-tcp": 5354,
        log: 1514,
      }]);
      expect(reports).toEqual(["east: Service shop/orders: port 90 is left out: Istio has no SCTP"]);
    }
  });

  test("a single port without a name gets one, and the slice's port, which has none either", () => {
    const raw = {
      service: service({ ports: [{ port: 80, appProtocol: "http" }] }),
      slices: [slice("a", ["10.0.0.1"], { ports: [{ port: 8080 }] })],
    };
    expect(convertOne(raw).spec).toMatchObject({
      ports: [{ number: 80, name: "http-80", protocol: "HTTP" }],
      endpoints: [{ ports: { "http-80": 8080 } }],
    });
  });

  test("a slice's port without a number is any: that of the Service is meant, or its target", () => {
    const slices = [slice("a", ["10.0.0.1"], { portNumbers: { http: null } })];
    expect(convertOne({ service: service(), slices }).spec.endpoints?.[0]?.ports).toEqual({ http: 8080 });
    const plain = service({ ports: [{ name: "http", port: 80, targetPort: "web" }] });
    expect(convertOne({ service: plain, slices }).spec.endpoints?.[0]?.ports).toEqual({ http: 80 });
  });

  test("a target with a name may have other numbers in other pods: each slice says its own", () => {
    const slices = [
      slice("a", ["10.0.0.1"], { portNumbers: { http: 8080 } }),
      slice("b", ["10.0.0.2"], { portNumbers: { http: 9090 } }),
    ];
    const named = service({ ports: [{ name: "http", port: 80, targetPort: "web" }] });
    expect(convertOne({ service: named, slices }).spec.endpoints).toMatchObject([
      { address: "10.0.0.1", ports: { http: 8080 } },
      { address: "10.0.0.2", ports: { http: 9090 } },
    ]);
  });

  test("a slice that has none of the Service's ports has no endpoint for it", () => {
    const slices = [
      slice("a", ["10.0.0.1"], { portNumbers: { other: 1 } }),
      slice("b", ["10.0.0.2"], { ports: null }),
    ];
    expect(addressesOf({ service: service(), slices })).toEqual([]);
  });
});

describe("conditions of an endpoint (kubernetes#116285, istio#51103)", () => {
  // With publishNotReadyAddresses the controller says that an endpoint is ready, also while it is terminating.
  test.each<[boolean | undefined, boolean | undefined, boolean | undefined, boolean, boolean]>([
    [true, true, false, true, true],
    [undefined, undefined, undefined, true, true],
    [undefined, undefined, true, true, true],
    [true, true, true, true, true],
    [true, false, true, true, true],
    [false, true, true, false, true],
    [false, true, undefined, false, false],
    [false, true, false, false, false],
    [false, undefined, true, false, false],
    [false, false, true, false, false],
    [false, false, false, false, false],
  ])(
    "ready %s, serving %s, terminating %s: taken %s, with sessions %s",
    (ready, serving, terminating, plain, kept) => {
      const endpoint = { addresses: ["10.0.0.1"], conditions: { ready, serving, terminating } };
      const slices = [slice("a", [endpoint])];
      expect(addressesOf({ service: service(), slices })).toEqual(plain ? ["10.0.0.1"] : []);
      for (const label of ["istio.io/persistent-session", "istio.io/persistent-session-header"]) {
        const [found] =
          convertOne({ service: service({}, { labels: { [label]: "c" } }), slices }).spec.endpoints ?? [];
        expect(found !== undefined).toBe(kept);
        if (found !== undefined) expect(found.labels?.["istio.io/draining"]).toBe(plain ? undefined : "true");
      }
    },
  );

  test("conditions that are missing altogether mean ready", () => {
    expect(addressesOf({ service: service(), slices: [slice("a", ["10.0.0.1"])] })).toEqual(["10.0.0.1"]);
  });
});

describe("several slices", () => {
  test("an endpoint in two of them is one; in one of them alone it stays (istio#27603)", () => {
    const [a, b] = [slice("a", ["10.0.0.1", "10.0.0.2"]), slice("b", ["10.0.0.2", "10.0.0.3"])];
    const all = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    expect(addressesOf({ service: service(), slices: [a, b] })).toEqual(all);
    expect(addressesOf({ service: service(), slices: [a] })).toEqual(all.slice(0, 2));
    expect(addressesOf({ service: service(), slices: [b] })).toEqual(all.slice(1));
  });

  test("the result doesn't depend on their order, nor on that of endpoints (istio#52110, #52104)", () => {
    const slices = [
      slice("a", ["10.0.0.2", "10.0.0.1"]),
      slice("b", ["10.0.0.3", {
        addresses: ["10.0.0.1"],
        conditions: { ready: false, serving: true, terminating: true },
      }]),
      v6("c", ["fd00::2", "fd00::1"]),
    ];
    const raw = { service: service(dualStack), slices };
    expect(convertOne({ ...raw, slices: slices.toReversed() })).toEqual(convertOne(raw));
  });

  test("an endpoint that one says is ready is ready", () => {
    const unready = {
      addresses: ["10.0.0.1"],
      conditions: { ready: false, serving: true, terminating: true },
    };
    const labels = { "istio.io/persistent-session": "c" };
    for (
      const slices of [[slice("a", [unready]), slice("b", ["10.0.0.1"])], [
        slice("a", ["10.0.0.1"]),
        slice("b", [unready]),
      ]]
    ) {
      const { endpoints } = convertOne({ service: service({}, { labels }), slices }).spec;
      expect(endpoints).toHaveLength(1);
      expect(endpoints?.[0]?.labels).not.toHaveProperty("istio.io/draining");
    }
  });

  test("one may have the ports that the other lacks, and one address two numbers for a port", () => {
    const ports = [{ name: "http", port: 80 }, { name: "grpc", port: 90 }];
    const slices = [
      slice("a", ["10.0.0.1"], { portNumbers: { http: 8080 } }),
      slice("b", ["10.0.0.1"], { portNumbers: { grpc: 9090 } }),
      slice("c", ["10.0.0.1"], { portNumbers: { http: 8081 } }),
    ];
    expect(
      convertOne({ service: service({ ports }), slices }).spec.endpoints?.map((endpoint) => endpoint.ports),
    )
      .toEqual([{ http: 8080, grpc: 9090 }, { http: 8081 }]);
  });

  test("the placeholder of a Service without pods has none", () => {
    expect(addressesOf({ service: service(), slices: [slice("a", null, { ports: null })] })).toEqual([]);
  });

  test.each<[object, object]>([
    [{ "multicluster.kubernetes.io/service-name": "orders", "kubernetes.io/service-name": "orders" }, {}],
    [{}, {}],
    [{ "kubernetes.io/service-name": "orders" }, { addressType: "FQDN" }],
  ])("with labels %j and %j it is none of ours", (labels, more) => {
    const foreign = slice("a", ["10.0.0.1"], { metadata: { namespace: "shop", name: "a", labels }, ...more });
    expect(addressesOf({ service: service(), slices: [foreign] })).toEqual([]);
  });

  test("written by hand for a Service without a selector it counts", () => {
    expect(
      addressesOf({
        service: service(),
        slices: [slice("mine", [{ addresses: ["192.0.2.1", "192.0.2.2"] }])],
      }),
    )
      .toEqual(["192.0.2.1", "192.0.2.2"]);
  });
});

describe("what no proxy could use", () => {
  test("addresses and ports are left out and named, their neighbours stay", () => {
    const slices = [
      slice("a", ["127.0.0.1", "fe80::1", "0.0.0.0", "node.example", "10.0.0.1"]),
      slice("b", ["10.0.0.2"], { portNumbers: { http: 70_000 } }),
    ];
    const { entries: [entry], reports } = convertRaw({ east: { service: service(), slices } });
    expect(entry?.spec.endpoints?.map(({ address }) => address)).toEqual(["10.0.0.1"]);
    expect(reports).toEqual([
      expect.stringMatching(
        /^east: EndpointSlice shop\/a: the endpoint "127\.0\.0\.1" has a loopback address/,
      ),
      expect.stringContaining('"fe80::1" has a link-local address'),
      expect.stringContaining('"0.0.0.0" has 0.0.0.0 for an address'),
      expect.stringContaining('"node.example" has an address that is none of IP'),
      "east: EndpointSlice shop/b: port 70000 (http) is none: its endpoints don't offer it",
    ]);
    const allowed = convertRaw({ east: { service: service(), slices } }, { allowLoopback: true });
    expect(allowed.entries[0]?.spec.endpoints).toHaveLength(2);
  });

  test("IPv6 has one spelling, so that an endpoint isn't two", () => {
    const slices = [v6("a", ["2001:DB8:0::1"]), v6("b", ["2001:db8::1"])];
    expect(addressesOf({ service: service(), slices })).toEqual(["2001:db8::1"]);
  });

  test.each([
    ["shop, a/b", ["shop"], true],
    ["a/b", ["."], true],
    ["shop, *", ["*"], false],
    ["., shop", ["."], false],
    ["web,web", ["web"], false],
  ])("exportTo %j is %j", (exportTo, expected, isReported) => {
    const raw = service({}, { annotations: { "networking.istio.io/exportTo": exportTo } });
    const { entries: [entry], reports } = convertRaw({ east: { service: raw } });
    expect(entry?.spec.exportTo).toEqual(expected);
    expect(reports).toEqual(
      isReported ? [expect.stringContaining('exportTo names no namespace with "a/b"')] : [],
    );
  });
});

describe("two families", () => {
  const slices = [slice("a", ["10.0.0.1"]), v6("b", ["fd00::1"])];

  test("a pod is one endpoint, at its Service's first family", () => {
    expect(addressesOf({ service: service(dualStack), slices })).toEqual(["10.0.0.1"]);
    const sixFirst = service({ ipFamilies: ["IPv6", "IPv4"] });
    expect(addressesOf({ service: sixFirst, slices })).toEqual(["fd00::1"]);
  });

  test("without slices of the first family the others count; without families of its own all do", () => {
    expect(addressesOf({ service: service(dualStack), slices: slices.slice(1) })).toEqual(["fd00::1"]);
    expect(addressesOf({ service: service({ ipFamilies: ["IPv6"] }), slices: slices.slice(1) })).toEqual([
      "fd00::1",
    ]);
    expect(addressesOf({ service: service(), slices })).toEqual(["10.0.0.1", "fd00::1"]);
  });
});

describe("what belongs to a pod", () => {
  const at = (more: Readonly<Record<string, unknown>>) =>
    convertOne({ service: service(), ...more }).spec.endpoints?.[0];

  test.each<[Record<string, string>, Record<string, string>, string, string | undefined]>([
    [{ "topology.istio.io/locality": "r.z.s" }, {}, "", "r/z/s"],
    [{ "topology.istio.io/locality": "r/z", "istio-locality": "x" }, {}, "", "r/z"],
    [{ "istio-locality": "r1/z.1" }, { "topology.kubernetes.io/region": "r2" }, "", "r1/z.1"],
    [
      {},
      {
        "topology.kubernetes.io/region": "r",
        "topology.kubernetes.io/zone": "z",
        "topology.istio.io/subzone": "s",
      },
      "",
      "r/z/s",
    ],
    [
      {},
      { "failure-domain.beta.kubernetes.io/region": "r", "failure-domain.beta.kubernetes.io/zone": "z" },
      "",
      "r/z",
    ],
    [
      {},
      { "topology.kubernetes.io/region": "new", "failure-domain.beta.kubernetes.io/region": "old" },
      "",
      "new",
    ],
    [{}, {}, "us-west-2b", "us-west-2/us-west-2b"],
    [{}, {}, "rack7", undefined],
    [{}, { "topology.kubernetes.io/region": "r" }, "rack7", "r/rack7"],
  ])(
    "locality of labels %j on a node with %j in the slice's zone %j: %j",
    (labels, nodeLabels, zone, expected) => {
      const endpoint = at({
        slices: [slice("a", [atPod("10.0.0.1", "p", "n", zone === "" ? {} : { zone })])],
        pods: [pod("p", labels)],
        nodes: [node("n", nodeLabels)],
      });
      expect(endpoint?.locality).toBe(expected);
    },
  );

  test.each<[Record<string, string>, string, string, string | undefined]>([
    [{ "topology.istio.io/network": "own" }, "system", "configured", "own"],
    [{}, "system", "configured", "system"],
    [{}, "", "configured", "configured"],
    [{}, "", "", undefined],
  ])(
    "network of labels %j, of the system namespace %j, configured %j: %j",
    (labels, system, network, expected) => {
      const namespaces = [{
        metadata: { name: "istio-system", labels: { "topology.istio.io/network": system } },
      }];
      const slices = [slice("a", [atPod("10.0.0.1", "p")])];
      const endpoint = at({ slices, pods: [pod("p", labels)], namespaces, network });
      expect([endpoint?.network, endpoint?.labels?.["topology.istio.io/network"]]).toEqual([
        expected,
        expected,
      ]);
    },
  );

  test("pods on the host's network don't lend their labels to a neighbour at the same address (istio#24626)", () => {
    const pods = [pod("mine", { app: "orders" }, { hostNetwork: true }), pod("neighbour", { app: "other" })];
    const slices = [slice("a", [atPod("192.0.2.10", "mine")])];
    expect(at({ slices, pods })?.labels).toMatchObject({ app: "orders" });
    const handMade = [slice("a", ["192.0.2.10"])];
    expect(at({ slices: handMade, pods })?.labels).not.toHaveProperty("app");
  });

  test("an endpoint whose pod will be known in a moment waits for it; without one it is published as it is", () => {
    const slices = [slice("a", [atPod("10.0.0.1", "p"), atPod("10.0.0.2", "q"), "10.0.0.3"])];
    expect(addressesOf({ service: service(), slices, awaited: ["shop/p"] })).toEqual([
      "10.0.0.2",
      "10.0.0.3",
    ]);
  });

  test("a pod without an account gives none, so that it isn't taken for one of the mesh", () => {
    const slices = [slice("a", [atPod("10.0.0.1", "p")])];
    expect(at({ slices, pods: [pod("p", {}, { serviceAccountName: undefined })] })).not.toHaveProperty(
      "serviceAccount",
    );
  });
});
