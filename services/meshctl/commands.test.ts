import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { text as readAll } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { run } from "./meshctl-rig.ts";

const names = ["watch", "tap", "convert", "validate", "check-config", "config-sources"];

describe("the command line", () => {
  test.each([["--help"], ["-h"], ["help"]])("%s lists the commands", async (option) => {
    const { code, out, err } = await run(option);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const name of names) expect(out).toMatch(new RegExp(`^ {2}${name} +\\w`, "m"));
  });

  test.each(names)("%s --help, -h, and help before it", async (name) => {
    const { code, out, err } = await run(name, "--help");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain(`Usage: meshctl ${name}`);
    expect(await run(name, "-h")).toEqual({ code, out, err });
    expect(await run("help", name)).toEqual({ code, out, err });
  });

  test("without a command it shows what there is, as a mistake", async () => {
    const { code, out, err } = await run();
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("Usage: meshctl COMMAND");
  });

  test.each([
    [["wach"], /no command "wach"; did you mean "watch"\?/],
    [["zzzzzzzzz"], /no command "zzzzzzzzz"\nTry meshctl --help/],
    [["watch", "--adress", "x"], /--adress.*\nUsage: meshctl watch .*\nTry --help/s],
    [["watch", "extra"], /unexpected argument "extra"/],
    [["watch", "--address", "nowhere"], /--address nowhere: expected HOST:PORT, such as 127\.0\.0\.1:16010/],
    [["watch", "--address", "a:70000"], /expected HOST:PORT/],
    [["watch", "-o", "xml"], /--output xml: expected wide, yaml or json/],
    [["watch", "--type", "Sidcar"], /--type Sidcar: expected .* did you mean "Sidecar"\?/],
    [["watch", "--dialect", "http", "--revision", "x"], /--dialect http knows no revisions/],
    [["watch", "--dialect", "http", "--tls"], /--dialect http knows no TLS/],
    [["watch", "--dialect", "http", "--address", "xds://a:1"], /for --dialect http, but for sotw, delta or/],
    [["watch", "--address", "http://a:1"], /isn't for --dialect sotw, but for http/],
    [["watch", "--ca", "/no/such/file"], /--ca \/no\/such\/file: ENOENT/],
    [["watch", "--ca", import.meta.filename], /--ca .*: there is no certificate in it/],
    [["watch", "--cert", import.meta.filename], /--cert needs --key: mutual TLS takes both/],
    [["watch", "--key", import.meta.filename], /--key needs --cert/],
    [["watch", "--dialect", "detla"], /expected sotw, delta, incremental or http; did you mean "delta"\?/],
    [["tap", "--live", "--once"], /--live and --once/],
    [["tap", "--servers", "a", "--config", "b"], /--servers and --config/],
    [["tap", "--filter", "a b"], /expected a subject/],
    [["tap", "--filter", "mesh.>", "--name", "b"], /--filter goes without/],
    [["tap", "--config", "/no/such/file"], /there is no such file/],
    [["convert"], /--source is missing/],
    [["convert", "--source", "eureka"], /--input is missing/],
    [["convert", "--source", "eurka", "--input", "x"], /did you mean "eureka"\?/],
    [
      ["convert", "--source", "nacos", "--input", "x"],
      /--source nacos can't be converted yet; .* eureka or zookeeper$/m,
    ],
    [["convert", "--source", "eureka", "--address", "x:1"], /eureka can't be read live; .* --input/],
    [["convert", "--source", "zookeeper", "--address", "x:1", "--input", "x"], /don't go together/],
    [["zk", "dmp"], /meshctl zk takes one word: dump/],
    [["convert", "--source", "kubernetes", "--input", "x"], /--source kubernetes can't be converted yet/],
    [
      ["convert", "--source", "eureka", "--input", "/no/such/file"],
      /Cannot read the input: .*no\/such\/file/,
    ],
  ])("%j is answered with 2 and what is wrong", async (args, message) => {
    const { code, out, err } = await run(...args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(message);
  });
});

describe("the program", () => {
  const start = join(import.meta.dirname, "start.mjs");
  const meshctl = (...args: readonly string[]) => {
    const child = spawn(process.execPath, [start, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
    return { child, ended, err: readAll(child.stderr) };
  };

  test("ends in order when nobody reads its output any more", { timeout: 30_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "meshctl-"));
    onTestFinished(async () => await rm(folder, { recursive: true }));
    const instance = { instanceId: "i", ipAddr: "10.0.0.1", status: "UP", port: { $: 80 } };
    const applications = Array.from({ length: 3000 }, (_, index) => ({ name: `A${index}`, instance }));
    await writeFile(join(folder, "apps.json"), JSON.stringify(applications));
    const { child, ended, err } = meshctl(
      "convert",
      "--source",
      "eureka",
      "--input",
      join(folder, "apps.json"),
    );
    child.stdout.once("data", () => child.stdout.destroy());
    expect(await ended).toBe(0);
    expect(await err).toBe("");
  });

  test("Ctrl-C ends a watch that still tries to connect", { timeout: 30_000 }, async () => {
    const { child, ended, err } = meshctl("watch", "--address", "127.0.0.1:1");
    child.stderr.once("data", () => child.kill("SIGINT"));
    expect(await ended).toBe(0);
    expect(await err).toMatch(/no connection to 127\.0\.0\.1:1: connect ECONNREFUSED.*trying again in/);
  });
});
