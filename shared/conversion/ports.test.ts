import { describe, expect, test } from "vitest";
import { readConversionEnvironment } from "../config/mod.ts";
import type { ServiceEntryManifest } from "../model/manifest.ts";
import { MockService } from "./mock-service.ts";
import type { PortProtocol } from "./port-protocol.ts";
import { portProtocol } from "./port-protocol.ts";
import { servicePorts } from "./service-ports.ts";

describe("portProtocol()", () => {
  test.each<[svcProtocol: string, generic: boolean, slime: PortProtocol, istio: PortProtocol]>([
    ["HTTP", false, { protocol: "HTTP", namePrefix: "http" }, { protocol: "HTTP", namePrefix: "http" }],
    ["http", false, { protocol: "HTTP", namePrefix: "http" }, { protocol: "HTTP", namePrefix: "http" }],
    ["Dubbo", false, { protocol: "DUBBO", namePrefix: "dubbo" }, { protocol: "TCP", namePrefix: "dubbo" }],
    ["grpc", false, { protocol: "TCP", namePrefix: "grpc" }, { protocol: "GRPC", namePrefix: "grpc" }],
    ["anything", false, { protocol: "TCP", namePrefix: "anything" }, {
      protocol: "TCP",
      namePrefix: "anything",
    }],
    ["HTTP", true, { protocol: "GENERIC", namePrefix: "generic-http" }, {
      protocol: "HTTP",
      namePrefix: "generic-http",
    }],
  ])("of %s (generic: %s)", (svcProtocol, generic, slime, istio) => {
    expect(portProtocol(svcProtocol, generic, "slime")).toEqual(slime);
    expect(portProtocol(svcProtocol, generic, "istio")).toEqual(istio);
  });
});

describe("servicePorts()", () => {
  const http = { protocol: "HTTP", namePrefix: "http" };

  test.each<[what: string, instancePorts: number[], svcPort: number, asSvcPort: boolean, expected: number[]]>(
    [
      ["the service's and the instances' ports", [8000, 8001, 8000], 80, true, [80, 8000, 8001]],
      ["the instances' ports", [8000, 8001], 0, true, [8000, 8001]],
      ["the service's port", [8000, 8001], 80, false, [80]],
      ["one port for both", [80], 80, true, [80]],
      ["ports by number", [9, 1000, 80], 443, true, [9, 80, 443, 1000]],
    ],
  )("are %s", (_what, instancePorts, svcPort, instancePortAsSvcPort, expected) => {
    const { ports, endpointPorts } = servicePorts(instancePorts, { svcPort, instancePortAsSvcPort }, http);
    expect(ports).toEqual(expected.map((number) => ({ number, protocol: "HTTP", name: `http-${number}` })));
    for (const port of instancePorts) {
      expect(endpointPorts(port)).toEqual(
        Object.fromEntries(expected.map((number) => [`http-${number}`, port])),
      );
    }
  });
});

describe("MockService", () => {
  const options = {
    mockServiceName: "mock.all",
    mockServiceEntryName: "mock",
    mockServiceMergeInstancePort: false,
    mockServiceMergeServicePort: false,
    resourceNs: "mesh",
    exportTo: [],
    servicePlacements: [],
  };

  const service = (name: string, port: number, endpointPort: number): ServiceEntryManifest => ({
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "n" },
    spec: {
      hosts: [name],
      ports: [{ number: port, protocol: "HTTP", name: `http-${port}` }],
      endpoints: [{ address: "10.0.0.1", ports: { [`http-${port}`]: endpointPort, other: 7 } }],
    },
  });

  const environment = readConversionEnvironment({});

  test("is there only if it has a name", () => {
    expect(MockService.of({ ...options, mockServiceEntryName: "" }, "eureka", "slime", environment))
      .toBeUndefined();
  });

  test.each<[what: string, changes: Partial<typeof options>, ports: unknown[]]>([
    ["neither kind of port", {}, []],
    ["service ports as they are", { mockServiceMergeServicePort: true }, [
      { number: 80, protocol: "HTTP", name: "http-80" },
      { number: 90, protocol: "HTTP", name: "http-90" },
    ]],
    ["instance ports, with the protocol of the service port", { mockServiceMergeInstancePort: true }, [
      { number: 7, protocol: undefined, name: "other-7" },
      { number: 8080, protocol: "HTTP", name: "http-90-8080" },
    ]],
  ])("merges %s", (_what, changes, ports) => {
    const mock = MockService.of({ ...options, ...changes }, "eureka", "slime", {
      ...environment,
      istioRevision: "1-22",
    });
    mock?.add(service("b", 90, 8080));
    mock?.add(service("a", 80, 8080));
    mock?.add(service("mock", 1, 2));
    expect(mock?.manifest()).toEqual({
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: "mock", namespace: "mesh", labels: { registry: "eureka", "istio.io/rev": "1-22" } },
      spec: { hosts: ["mock.all"], ports, resolution: "STATIC" },
    });
  });

  test("has the label of its host, if entries have one", () => {
    const keys = readConversionEnvironment({ SE_LABEL_SELECTOR_KEYS: "app,$host,$host:of" });
    const mock = MockService.of(options, "zookeeper", "slime", keys);
    expect(mock?.manifest().metadata.labels).toEqual({
      registry: "zookeeper",
      path: "mock.all",
      host: "mock.all",
      of: "mock.all",
    });
  });

  test("takes the place of a service with its name and namespace, if it is published", () => {
    const elsewhere = service("mock", 80, 1);
    const same = { ...elsewhere, metadata: { ...elsewhere.metadata, namespace: "mesh" } };
    const mock = MockService.of(options, "eureka", "slime", environment);
    expect([same, elsewhere, service("a", 80, 1)].map((each) => mock?.replaces(each))).toEqual(
      [true, false, false],
    );
    expect(MockService.of(options, "eureka", "istio", environment)?.replaces(same)).toBe(false);
  });

  test("tells when it grew, and never shrinks", () => {
    const mock = MockService.of(
      { ...options, mockServiceMergeServicePort: true },
      "eureka",
      "slime",
      environment,
    );
    mock?.add(service("a", 80, 1));
    expect(mock?.grew).toBe(true);
    expect(mock?.manifest().spec.ports).toHaveLength(1);
    mock?.add(service("b", 80, 1));
    expect(mock?.grew).toBe(false);
    mock?.add(service("b", 81, 1));
    expect(mock?.grew).toBe(true);
    expect(mock?.manifest().spec.ports).toHaveLength(2);
  });

  test("is placed as the services of its source are", () => {
    const placed = { ...options, exportTo: ["shop"], location: "MESH_INTERNAL" as const };
    const mock = MockService.of(placed, "eureka", "istio", environment);
    expect(mock?.manifest().spec).toMatchObject({ exportTo: ["shop"], location: "MESH_INTERNAL" });
  });

  test("is published without ports for slime's istiod only, which takes that", () => {
    expect(MockService.of(options, "eureka", "slime", environment)?.isPublishable).toBe(true);
    const mock = MockService.of(
      { ...options, mockServiceMergeServicePort: true },
      "eureka",
      "istio",
      environment,
    );
    expect([mock?.isPublishable, mock?.grew]).toEqual([false, false]);
    mock?.add(service("a", 80, 1));
    expect([mock?.isPublishable, mock?.grew]).toEqual([true, true]);
  });
});
