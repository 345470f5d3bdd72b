import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { headers } from "@nats-io/transport-node";
import { describe, expect, test } from "vitest";
import { requireReal } from "../../../test/servers/find.ts";
import {
  follow,
  managerOf,
  never,
  put,
  readTexts,
  sequenceOf,
  startRig,
  stream,
  subject,
} from "./nats-rig.ts";
import type { NatsRig } from "./nats-rig.ts";
import { eventually } from "../conformance/test-follower.ts";

describe.skipIf(requireReal("nats-server").skip)("entries in parts", () => {
  const incompressible = (bytes: number) => {
    const data = new Uint8Array(bytes);
    for (let start = 0; start < bytes; start += 65_536) {
      crypto.getRandomValues(data.subarray(start, Math.min(bytes, start + 65_536)));
    }
    return data;
  };

  async function storedParts(rig: NatsRig): Promise<string[]> {
    const manager = await managerOf(rig);
    const { state } = await manager.streams.info(stream, { subjects_filter: "mesh.entries.Part.>" });
    return Object.keys(state.subjects ?? {});
  }

  test("parts of a replaced entry lose their content, whoever replaces it", async () => {
    const rig = await startRig();
    const log = await rig.open();
    await log.publish([{ subject: subject("large"), data: incompressible(3_000_000) }], never);
    const first = await storedParts(rig);
    expect(first).toHaveLength(3);
    await log.publish([{ subject: subject("large"), data: incompressible(3_000_000) }], never);
    const manager = await managerOf(rig);
    await eventually("only the new parts have content", async () => {
      const messages = await Promise.all(
        first.map((part) => manager.direct.getMessage(stream, { last_by_subj: part })),
      );
      return messages.every((message) => message?.data.length === 0);
    });
    await log.publish([{ subject: subject("large"), data: null }], never);
    await eventually(
      "nothing of size",
      async () => (await manager.streams.info(stream)).state.bytes < 100_000,
    );
    const [conflict] = await log.publish(
      [{ subject: subject("large"), data: incompressible(3_000_000), expectedSequence: 1 }],
      never,
    );
    expect(conflict).toEqual({ status: "conflict" });
    await eventually(
      "nothing of size",
      async () => (await manager.streams.info(stream)).state.bytes < 100_000,
    );
  });

  test("a crash between parts and entry shows nothing, and a sweep removes them", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const follower = await follow(log);
    const connection = await rig.connect();
    const partHeaders = headers();
    partHeaders.set("Mesh-Part-Of", subject("large"));
    const old = (Date.now() - 3_600_000).toString(36);
    for (const id of [`${old}-0a`, `${Date.now().toString(36)}-0b`]) {
      await connection.request(`mesh.entries.Part.eureka.one.0123456789abcdef.${id}.0`, "x", {
        headers: partHeaders,
        timeout: 5000,
      });
    }
    expect(await readTexts(log)).toEqual({});
    await log.publish([put("a", "1")], never);
    await eventually("the entry", () => follower.view.size === 1);
    expect(follower.puts).toBe(1);
    const manager = await managerOf(rig);
    const sizes = async () =>
      await Promise.all((await storedParts(rig)).map(async (part) => {
        const message = await manager.direct.getMessage(stream, { last_by_subj: part });
        return [part.split(".").at(-2), message?.data.length];
      }));
    await eventually("the old one is swept", async () => (await sizes()).some(([, size]) => size === 0));
    expect(Object.fromEntries(await sizes())).toMatchObject({ [`${old}-0a`]: 0 });
    expect((await sizes()).filter(([, size]) => size === 1)).toHaveLength(1);
  });

  test("unusable messages of strangers are named with their sequence, and can be replaced", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const follower = await follow(log);
    const connection = await rig.connect();
    for (
      const [name, value] of [
        ["Mesh-Encoding", "gzip"],
        ["Mesh-Parts", "nonsense"],
        ["Mesh-Parts", "1-0 3 100"],
        ["Nats-Stream", "ANOTHER"],
      ] as const
    ) {
      const strange = headers();
      strange.set(name, value);
      await connection.request(subject(`${name}-${value}`), "not gzip", {
        headers: strange,
        timeout: 5000,
      });
    }
    await log.publish([put("good", "1")], never);
    await eventually("the good one", () => follower.view.size === 1);
    expect(await readTexts(log)).toEqual({ [subject("good")]: "1" });
    const known = [...follower.unusable.values()];
    const first = await sequenceOf(rig, 1);
    expect(known.map((event) => [event.sequence, event.reason])).toEqual([
      [first, expect.stringContaining("incorrect header")],
      [first + 1, expect.stringContaining("refers to no parts")],
      [first + 2, expect.stringContaining("missing")],
      [first + 3, expect.stringContaining("server's answer")],
    ]);
    const replacements = known.map(({ subject, sequence }) => ({
      subject,
      data: new TextEncoder().encode("2"),
      expectedSequence: sequence,
    }));
    const results = await log.publish(replacements, never);
    expect(results.every(({ status }) => status === "stored")).toBe(true);
    await eventually("the replacements", () => follower.view.size === 5 && follower.unusable.size === 0);
    expect(follower.problems).toEqual([]);
  });

  test("a server with a small max_payload takes what a larger one would", async () => {
    const rig = await startRig({ config: "max_payload: 65536" });
    const log = await rig.open();
    const follower = await follow(log);
    const data = incompressible(1_000_000);
    await log.publish([{ subject: subject("large"), data }, {
      subject: subject("medium"),
      data: data.subarray(0, 60_000),
    }], never);
    await eventually("both", () => follower.view.size === 2);
    expect(Buffer.compare(follower.view.get(subject("large")) ?? Buffer.alloc(0), data)).toBe(0);
  });

  test("an entry that was stored while the server took larger messages is still read", async () => {
    const rig = await startRig({ config: "max_payload: 40000000\nmax_pending: 100MB" });
    const log = await rig.open();
    const data = incompressible(20_000_000);
    await log.publish([put("a", "1"), { subject: subject("large"), data }, put("b", "1")], never);
    expect(await storedParts(rig)).toEqual([]);
    await log[Symbol.asyncDispose]();
    await rig.server.stop();
    const file = join(rig.server.folder, "nats.conf");
    writeFileSync(file, readFileSync(file, "utf8").replace("max_payload: 40000000", ""));
    await rig.server.restart();
    const later = await rig.open();
    const follower = await follow(later);
    expect([...follower.view].map(([, { length }]) => length)).toEqual([1, data.length, 1]);
    expect(follower.resets).toHaveLength(1);
    expect(Object.keys(await readTexts(later))).toHaveLength(3);
  });
});
