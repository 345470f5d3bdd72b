import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { aliyunProof } from "./aliyun.ts";

const keys = { kind: "aliyun", accessKey: "AK", secretKey: "SK" } as const;
const service = { group: "shop", name: "orders" };
const nowMs = Date.UTC(2026, 10, 29, 12);

test("signs the time and the service with the secret key", () => {
  const data = `${nowMs}@@shop@@orders`;
  const signature = createHmac("sha1", "SK").update(data).digest("base64");
  expect(aliyunProof(keys, service, nowMs)).toEqual({
    grpc: { data, signature, ak: "AK" },
    http: {},
    params: { data, signature, ak: "AK" },
  });
});

test("signs the time alone where there is no service", () => {
  // Computed with: printf 1000 | openssl dgst -sha1 -hmac SK -binary | base64
  expect(aliyunProof(keys, undefined, 1000).grpc).toMatchObject({
    data: "1000",
    signature: "O7e75bjgiX07GlcfIUoRWb0fGCY=",
  });
});

test("derives a key for the day and the region, and hands on a security token", () => {
  const { grpc } = aliyunProof(
    { ...keys, region: "cn-hangzhou", securityToken: "STS" },
    service,
    Date.UTC(2026, 0, 2),
  );
  expect(grpc).toEqual({
    data: "1767312000000@@shop@@orders",
    // Computed with Python's hmac and hashlib.
    signature: "vJ5t6x1LAHkxzB9hgE5eYYmvLLw=",
    ak: "AK",
    signatureVersion: "v4",
    "Spas-SecurityToken": "STS",
  });
});
