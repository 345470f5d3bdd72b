import { gzipSync } from "node:zlib";
import { headers as createHeaders } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { maxEntryBytes, unfitRecord } from "../unfit-record.ts";
import {
  decodeBody,
  encodeBody,
  formatParts,
  newPartsId,
  parseParts,
  provenanceIn,
  setProvenance,
  wireHeaders,
} from "./wire.ts";

const subject = "mesh.entries.ServiceEntry.eureka.default.ns.a";

test("the largest entry travels, and comes out as it was", async () => {
  const data = Buffer.alloc(maxEntryBytes, "ab");
  expect(unfitRecord({ subject, data })).toBeUndefined();
  const { compressed, chunks } = await encodeBody(data, 1024 * 1024);
  expect(compressed).toBe(true);
  expect(Buffer.compare(await decodeBody(Buffer.concat(chunks), compressed), data)).toBe(0);
});

test("no more than that is published", () => {
  expect(unfitRecord({ subject, data: Buffer.alloc(maxEntryBytes + 1) })).toContain("at most");
});

test("no more than that is unpacked, however small the message is", async () => {
  const bomb = gzipSync(Buffer.alloc(maxEntryBytes + 1));
  expect(bomb.length).toBeLessThan(64 * 1024);
  await expect(decodeBody(bomb, true)).rejects.toThrow();
});

test("no more than that is joined from parts", () => {
  const reference = { id: newPartsId(1), count: 3, bytes: maxEntryBytes };
  expect(parseParts(formatParts(reference))).toEqual(reference);
  expect(parseParts(formatParts({ ...reference, bytes: maxEntryBytes + 1 }))).toBeUndefined();
});

test("the context of a trace travels in a header that isn't there without one", () => {
  const provenance = { unit: "com.acme.Order", member: "m" };
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const headers = createHeaders();
  setProvenance(headers, { ...provenance, traceparent });
  expect(headers.get("traceparent")).toBe(traceparent);
  expect(provenanceIn(headers)).toEqual({ ...provenance, traceparent });
  const without = createHeaders();
  setProvenance(without, { ...provenance, traceparent: undefined });
  expect([...without.keys()]).toEqual([wireHeaders.unit, wireHeaders.member]);
});

test("a time of creation travels to the millisecond, and what is none counts as not said", () => {
  const unit = "com.acme.Order";
  const given = (created: string | undefined, header?: string) => {
    const headers = createHeaders();
    setProvenance(headers, { unit, member: "m", created });
    if (header !== undefined) headers.set(wireHeaders.created, header);
    return provenanceIn(headers);
  };
  const created = "2026-01-02T03:04:05.678Z";
  expect(given(created)).toEqual({ unit, member: "m", created });
  expect(given(undefined)).toEqual({ unit, member: "m" });
  expect(given("soon")).toEqual({ unit, member: "m" });
  for (const odd of ["-5", "soon", "1e3", "99999999999999999"]) {
    expect(given(undefined, odd)).toEqual({ unit, member: "m" });
  }
});
