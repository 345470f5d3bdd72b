import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { text as readAll } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { buildText, programBuild } from "../../shared/runtime/version.ts";
import { run } from "./meshctl-rig.ts";
import about from "./package.json" with { type: "json" };

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

  test.each([
    ["check-config", "http://u:hunter2@h"],
    ["convert", "--source", "http://u:hunter2@h"],
    ["convert", "--source", "eureka", "--input", "http://u:hunter2@h"],
    ["validate", "http://u:hunter2@h"],
    ["doctor", "--istio", "http://u:hunter2@h"],
    ["watch", "--ca", "http://u:hunter2@h"],
    ["http://u:hunter2@h"],
  ])("quotes a URL in a wrong place without its password: %s %s %s %s", async (...args) => {
    const { out, err } = await run(...args);
    expect(out + err).not.toContain("hunter2");
    expect(err).toContain("http://***@h");
  });

  test.each(["version", "--version", "-v"])("%s prints version, commit and runtime", async (word) => {
    expect(await run(word)).toEqual({ code: 0, out: `meshctl ${buildText(programBuild())}\n`, err: "" });
    expect((await run(word)).out).toContain(about.version);
  });

  test("without a command it shows what there is, as a mistake", async () => {
    const { code, out, err } = await run();
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("Usage: meshctl COMMAND");
  });

  test.each([
    [["wach"], /no command "wach"; did you mean "watch"\?/],
    [["zzzzzzzzz"], /no command "zzzzzzzzz"\nTry meshctl --help/],
    [
      ["watch", "--adress", "x"],
      /^unknown option --adress; did you mean --address\?\nUsage: meshctl watch .*\nTry --help/s,
    ],
    [["watch", "--zzzzzzz"], /^unknown option --zzzzzzz\n/],
    [["watch", "-x"], /^unknown option -x\n/],
    [["watch", "--address"], /^--address needs a value: --address HOST:PORT\n/],
    [["watch", "--address", "--once"], /^--address needs a value: --address HOST:PORT\n/],
    [["watch", "--once=yes"], /^--once is a switch and takes no value, found "yes"\n/],
    [["watch", "--once", "--timeout", "30"], /^--timeout 30: expected a duration such as 30s/],
    [["tap", "--once", "--timeout", "-1s"], /^--timeout needs a value|^--timeout -1s: expected a duration/],
    [["tap", "--servers", "http://x"], /^--servers http:\/\/x: expected a NATS server such as nats:\/\/127/],
    [
      ["tap", "--servers", "nats://user:pa#ss@n"],
      /^--servers nats:\/\/\*\*\*@n: expected .* put user and password into/,
    ],
    [["tap", "--servers", ","], /--servers names no server/],
    [["zk", "dump", "--root", "dubbo"], /--root dubbo: expected a path such as \/dubbo/],
    [["convert", "--source", "eureka", "--input", process.execPath], /Cannot read the input: it isn't text/],
    [["verison"], /no command "verison"; did you mean "version"\?/],
    [["watch", "extra"], /unexpected argument "extra"/],
    [["watch", "--address", "nowhere"], /--address nowhere: expected HOST:PORT, such as 127\.0\.0\.1:16010/],
    [["watch", "--address", "a:70000"], /expected HOST:PORT/],
    [["watch", "--address", "u:pa#ss@a:1"], /^--address \*\*\*@a:1: expected HOST:PORT/],
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
    [
      ["convert", "--source", "eureka", "--input", "a", "b"],
      /two inputs are named, a and b; convert them one by one/,
    ],
    [["convert", "--source", "eureka", "a", "b"], /unexpected argument "b"/],
    [["convert", "--source", "eureka"], /the file is missing, with or without --input/],
    [["convert", "--source", "eurka", "--input", "x"], /did you mean "eureka"\?/],
    [["convert", "--source", "eureka", "--address", "x:1"], /eureka can't be read live; .* --input/],
    [["convert", "--source", "zookeeper", "--address", "x:1", "--input", "x"], /don't go together/],
    [["zk", "dmp"], /meshctl zk takes one word: dump/],
    [["convert", "--source", "kubernetes"], /the file is missing, with or without --input/],
    [["convert", "--source", "eureka", "--kubeconfig", "x"], /eureka is read with --input or --address/],
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

  test("ends in order when nobody reads its output any more", { timeout: 120_000 }, async () => {
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

  test("Ctrl-C ends a watch that still tries to connect", { timeout: 120_000 }, async () => {
    const { child, ended, err } = meshctl("watch", "--address", "127.0.0.1:1");
    child.stderr.once("data", () => child.kill("SIGINT"));
    expect(await ended).toBe(0);
    expect(await err).toMatch(/no connection to 127\.0\.0\.1:1: connect ECONNREFUSED.*trying again in/);
  });
});
