import { DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { describe, expect, test } from "vitest";
import { reviewSettings } from "./settings.ts";
import type { ReviewedSettings } from "./settings.ts";

const state = { first_seq: 1000, messages: 10 };

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
  first_seq: 1000,
  num_replicas: 3,
  allow_direct: true,
  allow_msg_ttl: true,
  allow_atomic: true,
};

describe("reviewSettings", () => {
  test("takes a first sequence above that of an empty stream without a word", () => {
    expect(reviewSettings({ ...ours, first_seq: 1001 }, { ...state, messages: 0 }).warnings).toEqual([]);
  });

  test.each<readonly [string, Partial<ReviewedSettings>]>([
    ["what we create", {}],
    ["limits that refuse what is new", { max_bytes: 1e9, max_msgs: 1e6, discard: DiscardPolicy.New }],
    ["one server without batches", { num_replicas: 1, allow_atomic: false }],
    ["a first sequence of the server's", { first_seq: 0 }],
  ])("takes %s without a word", (_what, changes) => {
    expect(reviewSettings({ ...ours, ...changes }, state)).toEqual({ refusals: [], warnings: [] });
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
    const { refusals } = reviewSettings({ ...ours, ...changes }, state);
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
    ["first_seq is 1001, and messages are stored from 1000 on", { first_seq: 1001 }],
  ])("warns if %s", (what, changes) => {
    const { refusals, warnings } = reviewSettings({ ...ours, ...changes }, state);
    expect(refusals).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining(what)]);
  });
});
