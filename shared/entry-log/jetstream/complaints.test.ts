import { PermissionViolationError } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { Complaints } from "./complaints.ts";

const denied = (subject: string, operation: "publish" | "subscription" = "publish") =>
  new PermissionViolationError(`Permissions Violation for ${operation} to "${subject}"`, operation, subject);

test("a missing permission is one line, however often and for which names it is missing", () => {
  const complaints = new Complaints();
  const [first, second] = ["a", "b"].map((name) => denied(`$KV.LEASES.lease.eureka.default.${name}`));
  if (first === undefined || second === undefined) throw new TypeError("two");
  expect(complaints.see(first, 0)?.reason).toBe(
    "no permission to publish $KV.LEASES.lease.eureka.default.a",
  );
  for (let nowMs = 1000; nowMs < 3_600_000; nowMs += 1000) {
    expect(complaints.see(nowMs % 2000 === 0 ? first : second, nowMs)).toBeUndefined();
  }
  expect(complaints.see(denied("mesh.entries.Term.eureka.default.%.%"), 0)?.reason).toContain("Term");
  expect(complaints.see(denied("_INBOX.x", "subscription"), 0)?.reason).toBe(
    "no permission to subscribe to _INBOX.x",
  );
  expect(complaints.see(denied("_INBOX.y", "subscription"), 0)).toBeUndefined();
});

test("a complaint that comes back after ten quiet minutes is news", () => {
  const complaints = new Complaints();
  expect(complaints.see(new Error("slow consumer"), 0)?.reason).toBe("slow consumer");
  expect(complaints.see(new Error("slow consumer"), 599_999)).toBeUndefined();
  expect(complaints.see(new Error("slow consumer"), 1_200_000)?.reason).toBe("slow consumer");
});

test("remembers a limited number of complaints", () => {
  const complaints = new Complaints();
  expect(complaints.see(new Error("first"), 0)).toBeDefined();
  for (let index = 0; index < 100; index++) complaints.see(new Error(`${index}`), 1);
  expect(complaints.see(new Error("first"), 2)).toBeDefined();
});
