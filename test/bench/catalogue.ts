import { loadConfig } from "../../shared/config/mod.ts";
import type { LoadedConfig } from "../../shared/config/mod.ts";
import type { LogRecord } from "../../shared/entry-log/entry-log.ts";
import type { Manifest, ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { encodeSubject, syncMarkerSubject } from "../../shared/model/subject.ts";
import { createSyncMarker } from "../../shared/model/sync-marker.ts";
import type { NewInstance } from "../../shared/simulators/eureka/registry.ts";
import {
  convertService,
  eurekaRules,
  serviceKey,
} from "../../services/eureka-collector/conversion/convert.ts";
import { decodeApplication } from "../../services/eureka-collector/client/decode.ts";

/** How large a made-up registry is. */
export interface CatalogueSize {
  readonly services: number;
  /** Of each service. */
  readonly instances: number;
}

/** As the table shows it: `10,000 x 10`. */
export function sizeText({ services, instances }: CatalogueSize): string {
  return `${services.toLocaleString("en")} x ${instances}`;
}

/** The application name of a service. */
export function serviceName(index: number): string {
  return `bench-service-${String(index).padStart(5, "0")}`;
}

/** The address of an instance, unless it was changed. */
export function addressOf(service: number, instance: number): string {
  return `10.${service >> 8}.${service & 255}.${instance + 1}`;
}

/** What a Spring Cloud client registers, about 1 KB with all its fields. */
export function springInstance(
  service: number,
  instance: number,
  address = addressOf(service, instance),
): NewInstance {
  const name = serviceName(service);
  const id = `${addressOf(service, instance)}:${name}:8080`;
  const at = 1_790_000_000_000 + service * 1000 + instance;
  return {
    instanceId: id,
    hostName: address,
    ipAddr: address,
    status: "UP",
    overriddenStatus: "UNKNOWN",
    port: { "$": 8080, "@enabled": "true" },
    securePort: { "$": 443, "@enabled": "false" },
    countryId: 1,
    dataCenterInfo: { "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", name: "MyOwn" },
    leaseInfo: {
      renewalIntervalInSecs: 30,
      durationInSecs: 90,
      registrationTimestamp: at,
      lastRenewalTimestamp: at,
      evictionTimestamp: 0,
      serviceUpTimestamp: at,
    },
    metadata: { "management.port": "8080", zone: `az${instance % 3 + 1}`, version: "1.0.0" },
    homePageUrl: `http://${address}:8080/`,
    statusPageUrl: `http://${address}:8080/actuator/info`,
    healthCheckUrl: `http://${address}:8080/actuator/health`,
    vipAddress: name,
    secureVipAddress: name,
    isCoordinatingDiscoveryServer: "false",
    lastDirtyTimestamp: String(at),
    lastUpdatedTimestamp: String(at),
    actionType: "ADDED",
  };
}

/** All instances of one application, as Eureka answers them. */
export function application(service: number, instances: number): unknown {
  return {
    name: serviceName(service).toUpperCase(),
    instance: Array.from({ length: instances }, (_, index) => springInstance(service, index)),
  };
}

/** A configuration of our own form with one Eureka source, with all defaults filled in. */
export function benchConfig(more: Readonly<Record<string, unknown>> = {}): LoadedConfig {
  const eurekaSource = { enabled: true, address: ["http://127.0.0.1:1/eureka"] };
  return loadConfig(JSON.stringify({ eurekaSource, ...more }), { env: {}, fileName: "of the benchmark" });
}

/** The manifests that the Eureka collector makes of the catalogue. */
export function manifests({ services, instances }: CatalogueSize): ServiceEntryManifest[] {
  const convert = converter();
  return Array.from({ length: services }, (_, index) => index).flatMap((index) => convert(index, instances));
}

/** The conversion of one service, for those who must not keep all manifests in memory. */
export function converter(): (service: number, instances: number) => ServiceEntryManifest[] {
  const { config, environment } = benchConfig();
  const rules = eurekaRules(config.eurekaSource, config.profile, environment);
  return (service, instances) => {
    const decoded = decodeApplication(application(service, instances), () => {});
    const members = [{ name: serviceName(service), registryId: "", instances: decoded?.instances ?? [] }];
    return convertService(serviceKey(serviceName(service)), members, rules, () => {});
  };
}

/** The message of the entry log that carries a manifest, as the Eureka collector publishes it. */
export function toRecord(manifest: Manifest): LogRecord {
  const { kind, metadata: { name, namespace } } = manifest;
  return {
    subject: encodeSubject({ kind, registry: "eureka", source: "default", namespace, name }),
    data: jsonBytes({
      ...manifest,
      metadata: { ...manifest.metadata, creationTimestamp: "2026-11-01T00:00:00.000Z" },
    }),
  };
}

/** The message that says that the Eureka source has been read completely: with it, the aggregator's gate opens. */
export function markerRecord(entries: number): LogRecord {
  const data = jsonBytes(createSyncMarker("eureka", "default", entries));
  return { subject: syncMarkerSubject("eureka", "default"), data };
}

/** Bytes as they come from another process. */
function jsonBytes(content: object): Uint8Array {
  return Buffer.from(JSON.stringify(content));
}
