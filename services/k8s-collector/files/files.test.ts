import { mkdir, mkdtemp, open, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { readManifest } from "../../../shared/collector/published-entry.ts";
import { RunningSource } from "../../../shared/collector/source-rig.ts";
import { EmbeddedEntryLog } from "../../../shared/entry-log/embedded.ts";
import { allSubjects } from "../../../shared/model/subject.ts";
import { BrokenFile, readResources } from "./read-resources.ts";
import { files } from "./registry.ts";

const patient = { timeout: 60_000, interval: 20 };

function entry(name: string, host = `${name}.example`): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: shop}
spec:
  hosts: [${host}]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: DNS
`;
}

const sidecar = `apiVersion: networking.istio.io/v1alpha3
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {egress: [{hosts: ["./*"]}]}
`;

describe("readResources()", () => {
  const read = (text: string, name = "a.yaml") => readResources(name, Buffer.from(text));

  it("reads ServiceEntries and Sidecars of several documents, of Lists, and packed ones", () => {
    const names = (text: string) =>
      read(text).manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names(`${entry("a")}---\n${sidecar}---\n---\n`)).toEqual(["ServiceEntry a", "Sidecar default"]);
    const items = entry("b").trimEnd().split("\n").join("\n  ");
    expect(names(`kind: List\napiVersion: v1\nitems:\n- ${items}\n`)).toEqual(["ServiceEntry b"]);
    expect(readResources("a.yaml.gz", gzipSync(entry("c"))).manifests).toHaveLength(1);
    expect(read(entry("d").replace(", namespace: shop", "")).manifests[0]?.metadata.namespace).toBe(
      "default",
    );
  });

  it.each<[what: string, text: string, place: string, reason: RegExp]>([
    ["no YAML", `${entry("a")}---\nspec: [`, "a.yaml:9", /no YAML/],
    ["another type", entry("a").replace("80", "eighty"), "a.yaml:6", /spec\.ports\.0\.number/],
    [
      "no name",
      "kind: ServiceEntry\napiVersion: networking.istio.io/v1\nmetadata: {}\n",
      "a.yaml:3",
      /metadata/,
    ],
    ["an unknown word", entry("a").replace("DNS", "MAYBE"), "a.yaml:7", /resolution/],
  ])("names the line of %s", (_what, text, place, reason) => {
    let broken: unknown;
    try {
      read(text);
    } catch (error) {
      broken = error;
    }
    expect(broken).toBeInstanceOf(BrokenFile);
    expect(broken).toMatchObject({ place, message: expect.stringMatching(reason) });
  });

  it("remarks on kinds and keys that it doesn't read", () => {
    const gateway = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g}\n";
    expect([...read(gateway).remarks]).toEqual([["a.yaml:1", expect.stringContaining("Gateway")]]);
    const text = `${entry("a")}  colour: red\n`;
    expect([...read(text).remarks]).toEqual([["a.yaml:8", expect.stringContaining("spec.colour")]]);
  });

  it("refuses what grows beyond all measure", () => {
    expect(() => readResources("a.gz", gzipSync(Buffer.alloc(65 * 1024 * 1024)))).toThrow(/unpacked/);
  });
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "files-test-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function start(configPath: string, entryLog = new EmbeddedEntryLog(), watchConfigFiles = true) {
  const k8sSource = { enabled: true, enableConfigFile: true, configPath, watchConfigFiles };
  const guard = { maxShrinkPercent: 100 };
  const rig = await RunningSource.start(files, { k8sSource }, { entryLog, config: { guard } });
  let stopped: Promise<void> | undefined;
  const stop = () => stopped ??= rig[Symbol.asyncDispose]();
  onTestFinished(stop);
  const hosts = async () => {
    const found: Record<string, string> = {};
    for await (const { data } of entryLog.readBack(allSubjects)) {
      const manifest = readManifest(data);
      if (manifest === undefined) continue;
      found[`${manifest.kind} ${manifest.metadata.name}`] = manifest.kind === "Sidecar"
        ? "-"
        : manifest.spec.hosts.join();
    }
    return found;
  };
  return { rig, hosts, stop, entryLog };
}

describe("files as a source", () => {
  it("are published, and followed: changed, added, deleted at once", async () => {
    const path = await folder();
    await mkdir(join(path, "more"));
    await writeFile(join(path, "a.yaml"), `${entry("a")}---\n${entry("b")}`);
    await writeFile(join(path, "more", "c.yml"), sidecar);
    await writeFile(join(path, "README.md"), "no resources");
    const { hosts } = await start(path);
    await expect.poll(hosts, patient).toEqual({
      "ServiceEntry a": "a.example",
      "ServiceEntry b": "b.example",
      "Sidecar default": "-",
    });
    await writeFile(join(path, "a.yaml"), entry("a", "changed.example"));
    await rm(join(path, "more", "c.yml"));
    await writeFile(join(path, "d.yaml.gz"), gzipSync(entry("d")));
    await expect.poll(hosts, patient).toEqual({
      "ServiceEntry a": "changed.example",
      "ServiceEntry d": "d.example",
    });
  });

  it("may be a mounted ConfigMap, which changes by a link that leads elsewhere", async () => {
    const path = await folder();
    await mkdir(join(path, "..1"));
    await writeFile(join(path, "..1", "a.yaml"), entry("a"));
    await symlink("..1", join(path, "..data"));
    await symlink("..data/a.yaml", join(path, "a.yaml"));
    const { hosts } = await start(path);
    await expect.poll(hosts, patient).toEqual({ "ServiceEntry a": "a.example" });
    await mkdir(join(path, "..2"));
    await writeFile(join(path, "..2", "a.yaml"), entry("a", "second.example"));
    await symlink("..2", join(path, "..data_tmp"));
    await rename(join(path, "..data_tmp"), join(path, "..data"));
    await rm(join(path, "..1"), { recursive: true });
    await expect.poll(hosts, patient).toEqual({ "ServiceEntry a": "second.example" });
  });

  it("that are broken are named, and what they had before stays, also after a restart", async () => {
    const path = await folder();
    await writeFile(join(path, "a.yaml"), entry("a"));
    await writeFile(join(path, "b.yaml"), entry("b"));
    const first = await start(path);
    await expect.poll(first.hosts, patient).toEqual({
      "ServiceEntry a": "a.example",
      "ServiceEntry b": "b.example",
    });
    await writeFile(join(path, "a.yaml"), entry("a").replace("80", "eighty"));
    await writeFile(join(path, "b.yaml"), entry("b", "changed.example"));
    const expected = { "ServiceEntry a": "a.example", "ServiceEntry b": "changed.example" };
    await expect.poll(first.hosts, patient).toEqual(expected);
    const { view } = first.rig.collector;
    expect([...view.status().invalidRecords.keys()]).toEqual(["a.yaml:6"]);
    expect(view.remark).toContain("a.yaml");
    await first.stop();

    const second = await start(path, first.entryLog);
    await expect.poll(() => second.rig.collector.isSettled, patient).toBe(true);
    expect(await second.hosts()).toEqual(expected);
    await writeFile(join(path, "a.yaml"), entry("a", "mended.example"));
    await expect.poll(second.hosts, patient).toEqual({ ...expected, "ServiceEntry a": "mended.example" });
  });

  it("that are half written, or empty, take nothing away", async () => {
    const path = await folder();
    const text = Array.from({ length: 20 }, (_, index) => entry(`s${index}`)).join("---\n");
    await writeFile(join(path, "a.yaml"), text);
    const { hosts, rig, entryLog } = await start(path);
    await expect.poll(async () => Object.keys(await hosts()).length, patient).toBe(20);
    const deleted: string[] = [];
    const stop = new AbortController();
    const following = (async () => {
      for await (const event of entryLog.follow(allSubjects, stop.signal)) {
        if (event.type === "delete") deleted.push(event.subject);
      }
    })();
    // Its writer begins anew, and takes its time for the rest: each piece ends with a document.
    const { view } = rig.collector;
    const file = await open(join(path, "a.yaml"), "w");
    for (const part of text.split("---\n").slice(0, 4)) {
      await file.write(`---\n${part}`);
      const lookedMs = view.lastReadMs;
      await expect.poll(() => view.lastReadMs, patient).not.toBe(lookedMs);
    }
    await file.write(`---\n${text.split("---\n").slice(4).join("---\n")}`);
    await file.close();
    await writeFile(join(path, "b.yaml"), entry("b"));
    await expect.poll(hosts, patient).toHaveProperty(["ServiceEntry b"]);
    await writeFile(join(path, "a.yaml"), "");
    await expect.poll(() => [...rig.collector.view.status().invalidRecords], patient).toEqual([
      ["a.yaml:1", expect.stringMatching(/empty.*stays/)],
    ]);
    expect(Object.keys(await hosts())).toHaveLength(21);
    expect(deleted).toEqual([]);
    // That is meant.
    await writeFile(join(path, "a.yaml"), "# nothing any more");
    await expect.poll(hosts, patient).toEqual({ "ServiceEntry b": "b.example" });
    stop.abort();
    await following;
  });

  it("whose resource moves to a file that is broken lose nothing until that is mended", async () => {
    const path = await folder();
    await writeFile(join(path, "a.yaml"), `${entry("a")}---\n${entry("moves")}`);
    await writeFile(join(path, "b.yaml"), entry("b"));
    const { hosts, rig } = await start(path);
    const all = {
      "ServiceEntry a": "a.example",
      "ServiceEntry b": "b.example",
      "ServiceEntry moves": "moves.example",
    };
    await expect.poll(hosts, patient).toEqual(all);
    await writeFile(join(path, "a.yaml"), entry("a", "changed.example"));
    await writeFile(join(path, "b.yaml"), `${entry("b")}---\n${entry("moves")}: [`);
    await expect.poll(() => rig.collector.view.remark, patient).toContain("b.yaml");
    await expect.poll(hosts, patient).toEqual({ ...all, "ServiceEntry a": "changed.example" });
    await writeFile(join(path, "b.yaml"), entry("b"));
    await expect.poll(hosts, patient).toEqual({
      "ServiceEntry a": "changed.example",
      "ServiceEntry b": "b.example",
    });
  });

  it("of which one can't be read are read all the same, and it is named", async () => {
    const path = await folder();
    await writeFile(join(path, "a.yaml"), entry("a"));
    await symlink("nowhere.txt", join(path, "link.yaml"));
    const { hosts, rig } = await start(path);
    await expect.poll(hosts, patient).toEqual({ "ServiceEntry a": "a.example" });
    expect([...rig.collector.view.status().invalidRecords.keys()]).toEqual(["link.yaml"]);
    await writeFile(join(path, "a.yaml"), entry("a", "changed.example"));
    await expect.poll(hosts, patient).toEqual({ "ServiceEntry a": "changed.example" });
    await writeFile(join(path, "nowhere.txt"), entry("b"));
    await expect.poll(() => rig.collector.view.status().invalidRecords.size, patient).toBe(0);
  });

  it("stay published while the folder can't be read", async () => {
    const path = await folder();
    await mkdir(join(path, "mounted"));
    await writeFile(join(path, "mounted", "a.yaml"), entry("a"));
    const { hosts, rig } = await start(join(path, "mounted"));
    await expect.poll(hosts, patient).toEqual({ "ServiceEntry a": "a.example" });
    await rename(join(path, "mounted"), join(path, "elsewhere"));
    await expect.poll(() => rig.collector.view.error, patient).toContain("ENOENT");
    expect(await hosts()).toEqual({ "ServiceEntry a": "a.example" });
  });

  it("are read once where they aren't watched", async () => {
    const path = await folder();
    await writeFile(join(path, "a.yaml"), entry("a"));
    const { hosts, rig } = await start(path, new EmbeddedEntryLog(), false);
    await expect.poll(() => rig.collector.isSettled, patient).toBe(true);
    expect(await hosts()).toEqual({ "ServiceEntry a": "a.example" });
  });
});
