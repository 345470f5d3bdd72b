/**
 * Reads Eureka's JSON leniently: what real servers, old codecs and non-Java registrants send. An unusable instance is
 * reported and left out; it never takes its neighbours down. Written by hand and not with a schema, because a complete
 * read of a large registry has a hundred thousand instances.
 */

/** One instance, reduced to what conversion and reconciliation need. */
export interface EurekaInstance {
  readonly id: string;
  /** UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN; overrides are already applied by the server. */
  readonly status: string;
  /** As it is registered: mostly an IP address. */
  readonly address: string;
  /** Plain port, switched on or not; 0 if there is no usable number. */
  readonly port: number;
  /** Whether the plain port is switched on, which is the default. */
  readonly isPortOn: boolean;
  /** Port of HTTPS; 0 unless it is switched on and usable. */
  readonly securePort: number;
  /** Amazon's availability zone, by its own metadata; empty if there is none. */
  readonly zone: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Server clock in milliseconds; 0 if the server didn't say. Comparable within one server only. */
  readonly lastUpdatedMs: number;
  /** When the instance last registered itself or changed, by its own clock, in milliseconds; 0 if it didn't say. */
  readonly lastDirtyMs: number;
  /** ADDED, MODIFIED or DELETED in a delta; undefined elsewhere. */
  readonly action: string | undefined;
  /** Why there is no address, or no plain port, that anybody could use; the instance still counts in the hash. */
  readonly defect: string | undefined;
}

/** An application with its instances. */
export interface EurekaApplication {
  /** As the server writes it, upper case for Java registrants. */
  readonly name: string;
  readonly instances: readonly EurekaInstance[];
}

/** A record that could not be read, with the place where it was. */
export interface InvalidRecord {
  readonly path: string;
  readonly reason: string;
}

/** The values around the applications. */
export interface EurekaFrame {
  /** `apps__hashcode`: instances per status; undefined if the server doesn't send it. */
  readonly hash: string | undefined;
}

const statuses: ReadonlySet<string> = new Set(["UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"]);

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

/** Text of a value that should be a string but may be a number or a boolean. */
function text(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

/** Reads one element of `application`. Undefined, with a report, if it has no name or no form at all. */
export function decodeApplication(
  value: unknown,
  report: (record: InvalidRecord) => void,
): EurekaApplication | undefined {
  if (!isObject(value)) {
    report({ path: "application", reason: `is ${kindOf(value)}, not an object` });
    return undefined;
  }
  const name = text(value["name"]);
  if (name === undefined || name === "") {
    report({ path: "application", reason: "has no name" });
    return undefined;
  }
  const list = value["instance"];
  // One instance is no list with old codecs.
  const raw: readonly unknown[] = Array.isArray(list) ? list : isAbsent(list) ? [] : [list];
  const instances: EurekaInstance[] = [];
  for (let index = 0; index < raw.length; index++) {
    const item = raw[index];
    const instance = isObject(item) ? decodeInstance(item) : undefined;
    if (instance !== undefined) instances.push(instance);
    else {
      const reason = isObject(item)
        ? "has nothing to tell it from others"
        : `is ${kindOf(item)}, not an object`;
      report({ path: `${name}[${index}]`, reason });
    }
  }
  for (const id of repeatedIds(instances)) {
    report({ path: `${name}/${id}`, reason: "is listed twice; the last one counts" });
  }
  return { name, instances };
}

function repeatedIds(instances: readonly EurekaInstance[]): Iterable<string> {
  const ids = new Set<string>();
  for (const { id } of instances) ids.add(id);
  if (ids.size === instances.length) return [];
  return instances.map(({ id }) => id).filter((id) => !ids.delete(id));
}

/** Reads the frame around the applications. Both spellings of its keys occur, the doubled `_` is XStream's escape. */
export function decodeFrame(value: unknown): EurekaFrame {
  const applications = isObject(value) && isObject(value["applications"]) ? value["applications"] : value;
  if (!isObject(applications)) return { hash: undefined };
  return { hash: text(applications["apps__hashcode"] ?? applications["apps_hashcode"]) };
}

function decodeInstance(value: Json): EurekaInstance | undefined {
  const metadata = decodeMetadata(value["metadata"]);
  const hostName = text(value["hostName"]);
  const address = text(value["ipAddr"]) || hostName || "";
  const port = decodePort(value["port"]);
  const amazon = amazonMetadata(value["dataCenterInfo"]);
  // As Eureka's own InstanceInfo.getId() has it; then what Spring's servers take for the id of old registrants. What
  // has no id must still count in the hash, else every answer would look incomplete.
  const id = text(value["instanceId"]) || amazon.instanceId || metadata["instanceId"] || hostName || address;
  if (id === "") return undefined;
  const status = (text(value["status"]) || "UP").toUpperCase();
  return {
    id,
    status: statuses.has(status) ? status : "UNKNOWN",
    address,
    port: port ?? 0,
    isPortOn: isOn(value["port"]) ?? true,
    securePort: isOn(value["securePort"]) === true ? decodePort(value["securePort"]) ?? 0 : 0,
    zone: amazon.zone,
    metadata,
    lastUpdatedMs: decodeTimestamp(value["lastUpdatedTimestamp"]),
    lastDirtyMs: decodeTimestamp(value["lastDirtyTimestamp"]),
    action: text(value["actionType"])?.toUpperCase(),
    defect: defectOf(address, port, value["port"]),
  };
}

function defectOf(address: string, port: number | undefined, rawPort: unknown): string | undefined {
  if (!isAddress(address)) return `has no usable address (${excerpt(address)})`;
  if (port === undefined) {
    return `has no usable port (${excerpt(isObject(rawPort) ? rawPort["$"] : rawPort)})`;
  }
  return undefined;
}

/** A value for a message: short, whatever it is. */
function excerpt(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 60));
  return text(value) ?? (isAbsent(value) ? "none" : kindOf(value));
}

/** An IP address or a host name, loosely: what can't be either would be refused by every consumer. */
function isAddress(address: string): boolean {
  return address.length > 0 && address.length <= 255 && /^[A-Za-z0-9._:%-]+$/.test(address);
}

const noAmazon = { instanceId: "", zone: "" };

/** The metadata that Amazon's machines have of themselves. */
function amazonMetadata(dataCenter: unknown): { readonly instanceId: string; readonly zone: string } {
  if (!isObject(dataCenter) || dataCenter["name"] !== "Amazon") return noAmazon;
  const known = dataCenter["metadata"];
  if (!isObject(known)) return noAmazon;
  return { instanceId: text(known["instance-id"]) ?? "", zone: text(known["availability-zone"]) ?? "" };
}

/** The value of a port's `@enabled`; undefined if it has none. */
function isOn(port: unknown): boolean | undefined {
  const given = isObject(port) ? port["@enabled"] : undefined;
  // Nearly always one of these two.
  if (given === "true" || given === "false") return given === "true";
  return isAbsent(given) ? undefined : text(given)?.toLowerCase() === "true";
}

/** `{"$": 8080, "@enabled": "true"}`, `8080` or `"8080"`. */
function decodePort(value: unknown): number | undefined {
  const port = wholeNumber(isObject(value) ? value["$"] : value);
  return port !== undefined && port >= 1 && port <= 65_535 ? port : undefined;
}

/** 0, «not known», for what is none: one bad timestamp must not make its instance unchangeable. */
function decodeTimestamp(value: unknown): number {
  const timestamp = wholeNumber(value) ?? 0;
  return Number.isSafeInteger(timestamp) ? timestamp : 0;
}

/** A number, or its decimal digits as text. */
function wholeNumber(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isInteger(value) ? value : undefined;
  return typeof value === "string" && /^[0-9]{1,16}$/.test(value) ? Number(value) : undefined;
}

const noMetadata: Readonly<Record<string, string>> = Object.freeze({});

function decodeMetadata(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) return noMetadata;
  let metadata: Record<string, string> | undefined;
  for (const key in value) {
    // The Java type of the map, not data. `__proto__` would not become a key.
    if (key === "@class" || key === "__proto__") continue;
    // As in slime, null is an empty label.
    const item = value[key] === null ? "" : text(value[key]);
    if (item === undefined) continue;
    metadata ??= {};
    metadata[key] = item;
  }
  return metadata ?? noMetadata;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
