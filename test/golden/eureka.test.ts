import { readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { convertEureka } from "../../services/meshctl/convert-eureka.ts";
import { runCommandLine } from "../../services/meshctl/commands.ts";
import { emptySinceAnnotation } from "../../shared/collector/published-entry.ts";
import { SourcePublisher } from "../../shared/collector/source-publisher.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { LogEvent } from "../../shared/entry-log/entry-log.ts";
import { orderForSlime } from "../../shared/istio/mod.ts";
import { Manifest } from "../../shared/model/manifest.ts";
import { decodeSubject, syncMarkerKind } from "../../shared/model/subject.ts";
import { createLogger } from "../../shared/runtime/log.ts";

const data = join(import.meta.dirname, "../data/eureka");
const never = new AbortController().signal;

/** slime's tests build the source by hand: what is not named here is Go's zero value (see the README of the data). */
const slimeTestSource = {
  profile: "slime",
  eurekaSource: {
    enabled: true,
    address: ["http://localhost:8761/eureka"],
    svcProtocol: "http",
    instancePortAsSvcPort: true,
    resourceNs: "eureka",
    defaultServiceNs: "eureka",
    svcPort: 0,
    nsHost: false,
    k8sDomainSuffix: false,
    labelPatch: false,
  },
};

describe("slime's own cases", () => {
  const loaded = loadConfig(JSON.stringify(slimeTestSource), { env: {}, fileName: "slime's tests" });

  /** A collector's publishing side, fed with the files one after the other. */
  function start() {
    const entryLog = new EmbeddedEntryLog();
    const log = createLogger("golden");
    log.level = "silent";
    const publisher = new SourcePublisher({
      entryLog,
      registry: "eureka",
      source: "default",
      // slime has no such guard; that ours holds back is tested beside it.
      guard: { maxShrinkPercent: 100, minEndpoints: 0, holdTimeMs: 0 },
      keepEmptyMs: 0,
      log,
    });
    onTestFinished(() => publisher[Symbol.dispose]());
    let lastSequence = 0;
    return async (file: string) => {
      const input = await readFile(join(data, "slime", file), "utf8");
      const { manifests, invalidRecords } = convertEureka(input, loaded);
      expect(invalidRecords).toEqual([]);
      await publisher.publishAll(manifests, never);
      const emitted: ReturnType<typeof comparable>[] = [];
      for (const event of await eventsAfter(entryLog, lastSequence)) {
        lastSequence = event.sequence;
        expect(event.type).toBe("put");
        if (event.type === "put") emitted.push(comparable(manifestIn(event.data)));
      }
      return inOrder(emitted);
    };
  }

  test("simple", async () => {
    const step = start();
    expect(await step("simple.json")).toEqual(await expected("simple.expected.yaml"));
  });

  test("simple-scale-down-instance", async () => {
    const step = start();
    expect(await step("simple.json")).toEqual(await expected("simple.expected.yaml"));
    expect(await step("simple_scale_down_instance.json")).toEqual(
      await expected("simple_scale_down_instance.expected.yaml"),
    );
    expect(await step("simple_scale_down_instance.json")).toEqual([]);
  });

  async function expected(file: string) {
    const documents = parseAllDocuments(await readFile(join(data, "slime", file), "utf8"));
    return inOrder(documents.map((document) => comparable(Manifest.parse(document.toJS()))));
  }
});

/** The entries stored after a sequence; sync markers are our own and left out. */
async function eventsAfter(entryLog: EmbeddedEntryLog, sequence: number) {
  const events: Extract<LogEvent, { type: "put" | "delete" }>[] = [];
  for await (const event of entryLog.follow("mesh.entries.>", never)) {
    if (event.type === "caught-up") break;
    if (event.type === "reset" || event.sequence <= sequence) continue;
    if (decodeSubject(event.subject)?.kind !== syncMarkerKind) events.push(event);
  }
  return events;
}

function manifestIn(bytes: Uint8Array): Manifest {
  const manifest = Manifest.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  // The aggregator's output stage, which in slime is part of the conversion.
  return manifest.kind === "ServiceEntry" ? orderForSlime(manifest) : manifest;
}

/** What slime's tests compare: no API version, no times, no bookkeeping. */
function comparable({ kind, metadata, spec }: Manifest) {
  const { [emptySinceAnnotation]: _since, ...annotations } = metadata.annotations ?? {};
  const { name, namespace, labels = {} } = metadata;
  return { kind, name, namespace, labels, annotations, spec };
}

function inOrder<Item extends { readonly name: string }>(items: Item[]): Item[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

describe("answers of a real server", () => {
  const answers = readdirSync(join(data, "real")).filter((file) => file.endsWith(".json"));

  describe.each(["istio", "slime"])("in the %s profile", (profile) => {
    test.each(answers)("%s", async (file) => {
      const { code, out, err } = await convert(profile, file);
      expect(err).toBe("");
      expect(code).toBe(0);
      const golden = join(data, "real", file.replace(".json", `.${profile}.yaml`));
      if (process.env["UPDATE_GOLDEN"] === "1") await writeFile(golden, out);
      expect(out).toBe(await readFile(golden, "utf8"));
    });
  });

  test("the answer to a client that did not ask for JSON is refused with advice", async () => {
    const { code, out, err } = await convert("istio", "1-apps-peer1.xml");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/1-apps-peer1\.xml: .*XML.*Accept: application\/json/);
  });

  async function convert(profile: string, file: string) {
    let [out, err] = ["", ""];
    const args = ["--config", join(data, `${profile}.config.yaml`), "--input", join(data, "real", file)];
    const code = await runCommandLine(["convert", "--source", "eureka", ...args], {
      stdout: (text) => out += text,
      stderr: (text) => err += text,
      signal: never,
    });
    return { code, out, err };
  }
});
