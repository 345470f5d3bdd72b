import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isMeshError } from "../runtime/errors.ts";
import { readConfigFile, readConfigText, readSettingsFile } from "./read-config-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "read-config-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

test.each([
  ["a binary file", new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2]), /it isn't text \(UTF-8\)/],
  ["UTF-16", Buffer.from("\ufeffeurekaSource: {}", "utf16le"), /it isn't text \(UTF-8\)/],
  ["control characters", "a: 1\n\u0001b: 2\n", /it isn't text \(UTF-8\)/],
  ["107 MB of JSON", `{"a":"${"x".repeat(107_000_000)}"}`, /it has more than 2 MiB; is it the right file\?/],
])("%s is one error", async (name, content, reason) => {
  const path = await file(name, content);
  const before = process.memoryUsage().rss;
  await expect(readConfigText(path)).rejects.toThrow(reason);
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
});

test("a missing file and a folder are named with what to do", async () => {
  await expect(readConfigText(join(folder, "none"))).rejects.toThrow(
    `configuration ${join(folder, "none")} can't be read: there is no such file; check the path`,
  );
  await expect(readConfigText(folder)).rejects.toThrow(/it is a folder; name the file in it/);
});

test("a byte order mark and line ends of Windows are text", async () => {
  const path = await file("bom", "\ufeffeurekaSource:\r\n  address: [http://a]\r\n");
  expect((await readConfigFile(path, {})).config.eurekaSource.enabled).toBe(true);
});

test("a tool takes settings from a file that no service could be started with", async () => {
  const path = await file("nats.yaml", "nats: {servers: [a]}");
  expect((await readSettingsFile(path, {})).config.nats.servers).toEqual(["a"]);
  const refused: unknown = await readConfigFile(path, {}).catch((error: unknown) => error);
  expect(isMeshError(refused, "configuration")).toBe(true);
});
