import { createHmac } from "node:crypto";
import type { NacosCredentials, ServiceName } from "../nacos.ts";
import { serviceKey } from "../wire/service-key.ts";
import type { Authenticator, Proof } from "./authenticator.ts";

/** Keys of Alibaba Cloud. */
export type AliyunKeys = Extract<NacosCredentials, { kind: "aliyun" }>;

/** Signs each request with the keys. @param now the time in milliseconds since 1970 */
export function aliyunAuthenticator(keys: AliyunKeys, now: () => number = Date.now): Authenticator {
  return {
    proof: (service) => Promise.resolve(aliyunProof(keys, service, now())),
    // Another signature would be refused as well.
    refused: () => Promise.resolve(false),
  };
}

/** The signature of a request, as MSE checks it. Without a region it is that of the older version. */
export function aliyunProof(keys: AliyunKeys, service: ServiceName | undefined, nowMs: number): Proof {
  const data = service === undefined ? String(nowMs) : `${nowMs}@@${serviceKey(service)}`;
  const key = keys.region === undefined
    ? keys.secretKey
    : derivedKey(keys.secretKey, keys.region, new Date(nowMs));
  const fields: Record<string, string> = {
    data,
    signature: createHmac("sha1", key).update(data).digest("base64"),
    ak: keys.accessKey,
  };
  if (keys.region !== undefined) fields["signatureVersion"] = "v4";
  if (keys.securityToken !== undefined) fields["Spas-SecurityToken"] = keys.securityToken;
  return { grpc: fields, http: {}, params: fields };
}

/** Version 4: a key for one day, region and product. The result is used as text. */
function derivedKey(secretKey: string, region: string, day: Date): string {
  const date = day.toISOString().slice(0, 10).replaceAll("-", "");
  const steps = [date, region, "mse-nacos", "aliyun_v4_request"];
  let key: string | Buffer = `aliyun_v4${secretKey}`;
  for (const step of steps) key = createHmac("sha256", key).update(step).digest();
  return Buffer.from(key).toString("base64");
}
