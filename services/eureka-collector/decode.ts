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
  readonly address: string;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Server clock in milliseconds; 0 if the server didn't say. Comparable within one server only. */
  readonly lastUpdatedMs: number;
  /** ADDED, MODIFIED or DELETED in a delta; undefined elsewhere. */
  readonly action: string | undefined;
  /** What makes the instance unusable as an endpoint; it still counts in the hash. */
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
    if (instance !== undefined) {
      const { id, defect, action } = instance;
      if (defect !== undefined && action !== "DELETED") report({ path: `${name}/${id}`, reason: defect });
      instances.push(instance);
    } else {
      const reason = isObject(item)
        ? "has nothing to tell it from others"
        : `is ${kindOf(item)}, not an object`;
      report({ path: `${name}[${index}]`, reason });
    }
  }
  return { name, instances };
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
  // What has no id must still count in the hash, else every answer would look incomplete.
  const id = text(value["instanceId"]) || metadata["instanceId"] || hostName || address;
  if (id === "") return undefined;
  const status = (text(value["status"]) || "UP").toUpperCase();
  return {
    id,
    status: statuses.has(status) ? status : "UNKNOWN",
    address,
    port: port ?? 0,
    metadata,
    lastUpdatedMs: decodeTimestamp(value["lastUpdatedTimestamp"]),
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

/** `{"$": 8080, "@enabled": "true"}`, `8080` or `"8080"`; whether it is enabled doesn't matter, as in slime. */
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
    const item = text(value[key]);
    if (item === undefined || (key === "class" && item.startsWith("java."))) continue;
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
