import { isObject, textOr } from "../../nacos/wire/json.ts";
import type { JsonObject } from "../../nacos/wire/json.ts";
import type { Message } from "../../nacos/wire/payload.ts";
import type { NewInstance } from "./registry.ts";

/** The response of a request that went well. */
export function response(type: string, body: JsonObject): Message {
  return { type, body: { resultCode: 200, errorCode: 0, message: "success", success: true, ...body } };
}

/** The response of a request that failed. */
export function failure(type: string, errorCode: number, message: string): Message {
  return { type, body: { resultCode: 500, errorCode, message, success: false } };
}

/** The type of the response to a request. */
export function answerTypeOf(type: string): string {
  if (type === "ServiceQueryRequest") return "QueryServiceResponse";
  return type === "PersistentInstanceRequest" ? "InstanceResponse" : type.replace(/Request$/, "Response");
}

/** Instances as clients register them. */
export function instancesOf(value: unknown): readonly NewInstance[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isObject).map((instance) => ({
    ip: textOr(instance["ip"], ""),
    port: Number(instance["port"]),
    weight: typeof instance["weight"] === "number" ? instance["weight"] : 1,
    healthy: instance["healthy"] !== false,
    enabled: instance["enabled"] !== false,
    ephemeral: instance["ephemeral"] !== false,
    clusterName: textOr(instance["clusterName"], "DEFAULT"),
    metadata: isObject(instance["metadata"])
      ? Object.fromEntries(Object.entries(instance["metadata"]).map(([key, text]) => [key, String(text)]))
      : {},
  }));
}
