import fc from "fast-check";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import { describeConformance } from "./conformance/conformance.ts";
import { EmbeddedEntryLog } from "./embedded.ts";
import type { LogRecord } from "./entry-log.ts";
import { Journal } from "./journal.ts";

const never = new AbortController().signal;
const silent = pino({ level: "silent" });

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "meshregistry-journal-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function open(path: string, now?: Date): Promise<EmbeddedEntryLog> {
  return new EmbeddedEntryLog(undefined, undefined, await Journal.open(path, silent, now));
}

async function content(log: EmbeddedEntryLog) {
  const entries = [];
  for await (const { data, ...entry } of log.readBack("mesh.entries.>")) {
    entries.push({ ...entry, data: Buffer.from(data).toString() });
  }
  return entries;
}

const put = (name: string, text: string): LogRecord => ({
  subject: `mesh.entries.ServiceEntry.eureka.default.n.${name}`,
  data: Buffer.from(text),
  provenance: { unit: name, member: "m" },
});

describeConformance("EmbeddedEntryLog with a journal", async () => {
  const path = mkdtempSync(join(tmpdir(), "meshregistry-journal-"));
  const log = await open(path);
  return {
    open: () => Promise.resolve(log),
    [Symbol.asyncDispose]: async () => {
      await log[Symbol.asyncDispose]();
      rmSync(path, { recursive: true, force: true });
    },
  };
});

describe("Journal", () => {
  test("a log that is opened again has what it had, whatever was published, and goes on with its sequence", async () => {
    const change = fc.record({
      name: fc.constantFrom("a", "b", "c", "d"),
      text: fc.option(fc.string({ unit: "binary", maxLength: 20 })),
    });
    const rounds = fc.array(fc.array(change, { maxLength: 5 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(rounds, async (all) => {
        const path = mkdtempSync(join(tmpdir(), "meshregistry-journal-"));
        try {
          let before: unknown = [];
          let last = 0;
          for (const changes of all) {
            await using log = await open(path);
            expect(await content(log)).toEqual(before);
            for (const { name, text } of changes) {
              const record = put(name, text ?? "");
              const [result] = await log.publish([text === null ? { ...record, data: null } : record], never);
              const sequence = result?.status === "stored" ? result.sequence : 0;
              expect(sequence).toBeGreaterThan(last);
              last = sequence;
            }
            before = await content(log);
          }
        } finally {
          rmSync(path, { recursive: true, force: true });
        }
      }),
      { numRuns: 25 },
    );
  });

  test("it is the same stream after a restart, and another one in another folder", async () => {
    const path = folder();
    const identity = async (log: EmbeddedEntryLog) => {
      for await (const event of log.follow(">", never)) if (event.type === "reset") return event.streamId;
      return undefined;
    };
    const streamIds: (string | undefined)[] = [];
    for (const [at, now] of [[path, 1], [path, 2], [folder(), 3]] as const) {
      await using log = await open(at, new Date(now * 1_000));
      streamIds.push(await identity(log));
    }
    expect(streamIds[0]).toBe(streamIds[1]);
    expect(streamIds[2]).not.toBe(streamIds[0]);
  });

  test("what had a time to live is gone if that is over, and goes later if not", async () => {
    const path = folder();
    const now = Date.now();
    {
      await using log = await open(path);
      await log.publish([{ ...put("lease", "1"), ttlMs: 60_000 }, put("kept", "2")], never);
    }
    {
      await using log = await open(path, new Date(now + 30_000));
      expect((await content(log)).map(({ data }) => data)).toEqual(["1", "2"]);
    }
    await using log = await open(path, new Date(now + 120_000));
    expect((await content(log)).map(({ data }) => data)).toEqual(["2"]);
  });

  test("a tombstone keeps the time of creation of what it deleted, also in a file of before that was kept", async () => {
    const path = folder();
    const created = "2026-01-02T03:04:05.678Z";
    {
      await using log = await open(path);
      await log.publish([put("a", "1"), put("b", "1")], never);
    }
    const database = new DatabaseSync(join(path, "entry-log.db"));
    database.exec("ALTER TABLE messages DROP COLUMN created");
    database.close();
    {
      await using log = await open(path);
      const provenance = { unit: "a", member: "m", created };
      await log.publish([{ ...put("a", ""), data: null, provenance }], never);
    }
    await using log = await open(path);
    const told: unknown[] = [];
    for await (const event of log.follow("mesh.entries.>", never)) {
      if (event.type === "delete") told.push(event.provenance?.created);
      if (event.type === "caught-up") break;
    }
    expect(told).toEqual([created]);
    expect((await content(log)).map(({ data }) => data)).toEqual(["1"]);
  });

  test("a damaged file is put aside, and the log begins anew", async () => {
    const path = folder();
    writeFileSync(join(path, "entry-log.db"), "no database ".repeat(500));
    await using log = await open(path);
    expect(await content(log)).toEqual([]);
    expect(readdirSync(path).filter((name) => name.includes(".damaged-"))).toHaveLength(1);
  });

  test("a file with odd content is put aside, too", async () => {
    const path = folder();
    {
      await using log = await open(path);
      await log.publish([put("a", "1")], never);
    }
    const database = new DatabaseSync(join(path, "entry-log.db"));
    database.exec("UPDATE meta SET created_at = 'yesterday'");
    database.close();
    await using log = await open(path);
    expect(await content(log)).toEqual([]);
    expect(readdirSync(path).some((name) => name.includes(".damaged-"))).toBe(true);
  });

  test("a folder that another process uses is refused, and so is one that can't be made", async () => {
    const path = folder();
    await using _first = await open(path);
    await expect(open(path)).rejects.toThrow(/is in use by another process; give each its own/);
    writeFileSync(join(path, "file"), "");
    await expect(open(join(path, "file"))).rejects.toThrow(/state\.folder: the entry log can't be kept in/);
  });

  test("what the disk refuses stays served, is said once, and is written when it can be", async () => {
    const path = folder();
    const lines: string[] = [];
    const log = pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
    const journal = await Journal.open(path, log);
    const message = (sequence: number) => ({
      subject: `mesh.entries.${sequence}`,
      sequence,
      data: Buffer.alloc(5_000),
      provenance: undefined,
      expiresAtMs: undefined,
    });
    // A page limit is SQLite's own "database or disk is full".
    const limit = (pages: number) => journal.limitPages(pages);
    limit(4);
    for (let sequence = 1; sequence <= 20; sequence++) {
      journal.put(message(sequence));
      journal.write(sequence, sequence * 2_000);
    }
    expect(journal.problem).toMatch(/entry-log\.db can't be written: .*full/);
    expect(lines.filter((line) => line.includes("can't be written to disk"))).toHaveLength(1);
    limit(1_000_000);
    journal.put(message(21));
    journal.write(21, 60_000);
    expect(journal.problem).toBeUndefined();
    expect(lines.filter((line) => line.includes("is on disk again"))).toHaveLength(1);
    journal[Symbol.dispose]();
    using again = await Journal.open(path, silent);
    expect(again.content.messages).toHaveLength(21);
    expect(again.content.lastSequence).toBe(21);
  });
});
