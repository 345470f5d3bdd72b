import { jsonFault } from "../../../shared/runtime/json-fault.ts";
import { catalogueOf } from "../../../shared/nacos/http/lists.ts";
import { isObject, textOr } from "../../../shared/nacos/wire/json.ts";
import type { JsonObject } from "../../../shared/nacos/wire/json.ts";
import { decodeServiceInfo } from "../../../shared/nacos/wire/service-info.ts";
import { namespaceId } from "../../../shared/nacos/wire/service-key.ts";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import type { DumpedConfig, DumpedService } from "./nacos-dump.ts";

/** What a dump holds. */
export interface ReadNacosDump {
  readonly services: readonly DumpedService[];
  readonly configs: readonly DumpedConfig[];
}

/**
 * Reads what `meshctl nacos dump` prints, or answers of Nacos' HTTP APIs: of `instance/list` (one, or several in an
 * array), of the catalogue or the admin list with instances, each bare or as `{code, data}`.
 * `report` is called for each item that can't be used.
 * @throws MeshError `protocol-violation` for what is none of these.
 */
export function readNacosDump(
  input: string,
  report: (record: { readonly path: string; readonly reason: string }) => void,
): ReadNacosDump {
  const services: DumpedService[] = [];
  const configs: DumpedConfig[] = [];
  const items = itemsIn(parse(input));
  for (const [index, item] of items.entries()) {
    const path = `item ${index}`;
    if (!isObject(item)) {
      report({ path, reason: "is no object" });
      continue;
    }
    try {
      const config = configIn(item);
      if (config === undefined) services.push(...servicesIn(item));
      else configs.push(config);
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      report({ path, reason: errorText(error) });
    }
  }
  if (items.length > 0 && services.length + configs.length === 0) {
    throw new MeshError(
      "protocol-violation",
      "this is no answer of Nacos with instances, and no output of meshctl nacos dump",
    );
  }
  return { services, configs };
}

function parse(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch (error) {
    throw new MeshError("protocol-violation", `this is no JSON: ${jsonFault(input, error)}`);
  }
}

function itemsIn(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (!isObject(value)) throw new MeshError("protocol-violation", "expected an object or an array");
  const { code, data, pageItems } = value;
  if (Array.isArray(pageItems)) return pageItems;
  if (code === undefined || data === undefined) return [value];
  if (data === null) {
    throw new MeshError("protocol-violation", `Nacos answered ${textOr(value["message"], "")}`);
  }
  return itemsIn(data);
}

function servicesIn(item: JsonObject): DumpedService[] {
  const place = {
    registryId: textOr(item["registryId"], ""),
    namespace: namespaceId(textOr(item["namespace"], "")),
  };
  if (isObject(item["clusterMap"])) {
    return catalogueOf({ pageItems: [item] }).map((each) => ({
      ...place,
      ...each,
      invalid: [],
      protected: false,
    }));
  }
  // The client of slime calls the name so.
  const { serverTimeMs: _time, ...info } = decodeServiceInfo({ ...item, name: item["name"] ?? item["dom"] });
  return [{ ...place, ...info }];
}

function configIn(item: JsonObject): DumpedConfig | undefined {
  const { dataId, group, content } = item;
  if (typeof dataId !== "string" || typeof group !== "string" || typeof content !== "string") {
    return undefined;
  }
  const namespace = namespaceId(textOr(item["namespace"], ""));
  return { registryId: textOr(item["registryId"], ""), config: { namespace, group, dataId }, content };
}
