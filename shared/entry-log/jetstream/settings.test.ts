import { DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { describe, expect, test } from "vitest";
import { reviewSettings } from "./settings.ts";
import type { ReviewedSettings } from "./settings.ts";

const ours: ReviewedSettings = {
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  sealed: false,
  discard: DiscardPolicy.Old,
  discard_new_per_subject: false,
  max_age: 0,
  max_bytes: -1,
  max_msgs: -1,
  max_msgs_per_subject: 1,
  max_consumers: -1,
  num_replicas: 3,
  allow_direct: true,
  allow_msg_ttl: true,
  allow_atomic: true,
};

describe("reviewSettings", () => {
  test.each<readonly [string, Partial<ReviewedSettings>]>([
    ["what we create", {}],
    ["limits that refuse what is new", { max_bytes: 1e9, max_msgs: 1e6, discard: DiscardPolicy.New }],
    ["one server without batches", { num_replicas: 1, allow_atomic: false }],
  ])("takes %s without a word", (_what, changes) => {
    expect(reviewSettings({ ...ours, ...changes })).toEqual({ refusals: [], warnings: [] });
  });

  test.each<readonly [string, Partial<ReviewedSettings>]>([
    ["retention is workqueue", { retention: RetentionPolicy.Workqueue }],
    ["retention is interest", { retention: RetentionPolicy.Interest }],
    ["allow_direct is off", { allow_direct: false }],
    ["discard_new_per_subject is on", { discard: DiscardPolicy.New, discard_new_per_subject: true }],
    ["is sealed", { sealed: true }],
    ["no_ack is on", { no_ack: true }],
    ["is a mirror", { mirror: { name: "ORIGIN" } }],
  ])("refuses a stream if %s", (what, changes) => {
    const { refusals } = reviewSettings({ ...ours, ...changes });
    expect(refusals).toEqual([expect.stringContaining(what)]);
  });

  test.each<readonly [string, Partial<ReviewedSettings>]>([
    ["max_age is 60 s", { max_age: 60e9 }],
    ["max_bytes is 1000 with discard old", { max_bytes: 1000 }],
    ["max_msgs is 5 and max_bytes is 1000 with discard old", { max_msgs: 5, max_bytes: 1000 }],
    ["max_msgs_per_subject is -1", { max_msgs_per_subject: -1 }],
    ["max_consumers is 2", { max_consumers: 2 }],
    ["allow_msg_ttl is off", { allow_msg_ttl: false }],
    ["allow_atomic is off", { allow_atomic: false }],
    ["storage is memory", { storage: StorageType.Memory }],
  ])("warns if %s", (what, changes) => {
    const { refusals, warnings } = reviewSettings({ ...ours, ...changes });
    expect(refusals).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining(what)]);
  });
});
