import type {
  Manifest,
  ServiceEntrySpec,
  SidecarSpec,
  WorkloadEntry,
} from "../../../../shared/model/manifest.ts";
import type { WireWriter } from "./wire-writer.ts";

/**
 * The canonical protobuf encoding of the specs that we serve: fields by number, maps by key, zero values left out.
 * Equal specs give equal bytes, on every replica; the content version is a hash over them. Field numbers:
 * protos/istio/networking/v1alpha3. The writer goes backwards, so the highest field comes first.
 */

const location = { MESH_EXTERNAL: 0, MESH_INTERNAL: 1 } as const;
const resolution = { NONE: 0, STATIC: 1, DNS: 2, DNS_ROUND_ROBIN: 3, DYNAMIC_DNS: 4 } as const;
const captureMode = { DEFAULT: 0, IPTABLES: 1, NONE: 2 } as const;
const outboundMode = { REGISTRY_ONLY: 0, ALLOW_ANY: 1 } as const;

/** The Any type URL of a kind's body. It is `v1alpha3` for every release of Istio and every requested type URL. */
export const bodyTypeUrls = {
  ServiceEntry: "type.googleapis.com/istio.networking.v1alpha3.ServiceEntry",
  Sidecar: "type.googleapis.com/istio.networking.v1alpha3.Sidecar",
} as const;

/** Writes the fields of a manifest's spec, without a header. */
export function writeSpec(writer: WireWriter, manifest: Manifest): void {
  switch (manifest.kind) {
    case "ServiceEntry":
      return writeServiceEntry(writer, manifest.spec);
    case "Sidecar":
      return writeSidecar(writer, manifest.spec);
  }
}

function writeServiceEntry(writer: WireWriter, spec: ServiceEntrySpec): void {
  writeSelector(writer, 9, spec.workloadSelector);
  writer.strings(8, spec.subjectAltNames);
  writer.strings(7, spec.exportTo);
  backwards(spec.endpoints, (endpoint) => writeEndpoint(writer, endpoint));
  if (spec.resolution !== undefined) writer.uint(5, resolution[spec.resolution]);
  if (spec.location !== undefined) writer.uint(4, location[spec.location]);
  backwards(spec.ports, (port) => writePort(writer, 3, port));
  writer.strings(2, spec.addresses);
  writer.strings(1, spec.hosts);
}

function writeEndpoint(writer: WireWriter, endpoint: WorkloadEntry): void {
  const mark = writer.written;
  writer.string(7, endpoint.serviceAccount);
  writer.uint(6, endpoint.weight);
  writer.string(5, endpoint.locality);
  writer.string(4, endpoint.network);
  writer.stringMap(3, endpoint.labels);
  writer.uintMap(2, endpoint.ports);
  writer.string(1, endpoint.address);
  writer.message(6, mark);
}

/** ServicePort and SidecarPort have the same fields. */
interface Port {
  readonly number?: number | undefined;
  readonly protocol?: string | undefined;
  readonly name?: string | undefined;
  readonly targetPort?: number | undefined;
}

function writePort(writer: WireWriter, field: number, port: Port | undefined): void {
  if (port === undefined) return;
  const mark = writer.written;
  writer.uint(4, port.targetPort);
  writer.string(3, port.name);
  writer.string(2, port.protocol);
  writer.uint(1, port.number);
  writer.message(field, mark);
}

function writeSelector(
  writer: WireWriter,
  field: number,
  selector: { readonly labels?: Record<string, string> | undefined } | undefined,
): void {
  if (selector === undefined) return;
  const mark = writer.written;
  writer.stringMap(1, selector.labels);
  writer.message(field, mark);
}

function writeSidecar(writer: WireWriter, spec: SidecarSpec): void {
  const policy = spec.outboundTrafficPolicy;
  if (policy !== undefined) {
    const mark = writer.written;
    if (policy.egressProxy !== undefined) {
      const proxyMark = writer.written;
      writePort(writer, 3, policy.egressProxy.port);
      writer.string(2, policy.egressProxy.subset);
      writer.string(1, policy.egressProxy.host);
      writer.message(2, proxyMark);
    }
    if (policy.mode !== undefined) writer.uint(1, outboundMode[policy.mode]);
    writer.message(4, mark);
  }
  backwards(spec.egress, (listener) => {
    const mark = writer.written;
    writer.strings(4, listener.hosts);
    if (listener.captureMode !== undefined) writer.uint(3, captureMode[listener.captureMode]);
    writer.string(2, listener.bind);
    writePort(writer, 1, listener.port);
    writer.message(3, mark);
  });
  backwards(spec.ingress, (listener) => {
    const mark = writer.written;
    writer.string(4, listener.defaultEndpoint);
    if (listener.captureMode !== undefined) writer.uint(3, captureMode[listener.captureMode]);
    writer.string(2, listener.bind);
    writePort(writer, 1, listener.port);
    writer.message(2, mark);
  });
  writeSelector(writer, 1, spec.workloadSelector);
}

function backwards<T>(items: readonly T[] | undefined, write: (item: T) => void): void {
  if (items === undefined) return;
  for (let index = items.length - 1; index >= 0; index--) {
    const item = items[index];
    if (item !== undefined) write(item);
  }
}
