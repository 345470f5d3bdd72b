import process from "node:process";
import { natsServerFault, readSettingsFile } from "../../../../shared/config/mod.ts";
import type { EntryLog } from "../../../../shared/entry-log/entry-log.ts";
import { JetStreamEntryLog } from "../../../../shared/entry-log/jetstream/jetstream.ts";
import { openSharedEntryLog } from "../../../../shared/entry-log/open-entry-log.ts";
import { durationOption, helpText } from "../../../../shared/runtime/command-line.ts";
import type { CommandLine, OptionSpec } from "../../../../shared/runtime/command-line.ts";
import { MeshError } from "../../../../shared/runtime/errors.ts";
import { createLogger } from "../../../../shared/runtime/log.ts";
import type { Logger } from "../../../../shared/runtime/log.ts";
import { maskAddress } from "../../../../shared/runtime/mask.ts";
import { ChangePrinter, outputForms } from "../../output/change-printer.ts";
import type { OutputForm } from "../../output/change-printer.ts";
import type { Command, CommandIo } from "../../command.ts";
import { choice, readOptions } from "../../command-options.ts";
import { onceLimit, onceTimeoutMs, onceTimeoutOption } from "../../once-limit.ts";
import type { Change } from "../../output/resource.ts";
import { subjectFilter } from "./tap-filter.ts";
import { TapView } from "./tap-view.ts";

const defaultServer = "nats://127.0.0.1:4222";

const options: Readonly<Record<string, OptionSpec>> = {
  servers: { type: "string", value: "URL,…", help: `NATS servers (default ${defaultServer})` },
  config: { type: "string", value: "FILE", help: "Take the section nats of this configuration instead" },
  filter: { type: "string", value: "SUBJECT", help: "Subject filter (default mesh.entries.>)" },
  registry: { type: "string", value: "NAME", help: "Only this registry: eureka, nacos, …" },
  namespace: { type: "string", value: "NAME", help: "Only resources of this namespace" },
  name: { type: "string", value: "NAME", help: "Only resources of this name; com.acme.> is all below" },
  output: { type: "string", value: "FORM", help: "wide (default), yaml or json; short: -o" },
  live: { type: "boolean", help: "Leave out what is there already, print only changes" },
  once: { type: "boolean", help: "Print what is there and end" },
  timeout: onceTimeoutOption,
};

const usage =
  "meshctl tap [--servers URL,… | --config FILE] [--filter SUBJECT] [-o wide|yaml|json] [--live | --once [--timeout TIME]]";

const purpose =
  `Follows the stream of entries in NATS JetStream: what collectors publish, before the aggregator
brings it into its profile's form. Prints the last state of every entry, then each change until
Ctrl-C: + added, ~ updated, - deleted. Sync markers and resets are told on standard error.

An embedded entry log (no NATS) can't be tapped; use meshctl watch.`;

interface TapOptions {
  readonly filter: string;
  readonly form: OutputForm;
  readonly live: boolean;
  readonly once: boolean;
  /** How long `once` waits, in milliseconds; 0 for ever. */
  readonly timeoutMs: number;
}

/** `meshctl tap`: looks on at the entry log. */
export const tapCommand: Command = {
  name: "tap",
  summary: "Follow the stream of entries in NATS JetStream",
  lasting: true,
  run: async (args, io) => {
    const line = readOptions(args, options, usage);
    if (line.flag("help")) {
      io.stdout(helpText(usage, purpose, options));
      return 0;
    }
    const [live, once] = [line.flag("live"), line.flag("once")];
    if (live && once) {
      throw new MeshError("configuration", "--live and --once leave nothing to print; use one of them");
    }
    const form = choice(line, "output", outputForms, "wide");
    const filter = filterOf(line);
    const timeoutMs = durationOption(line, "timeout", onceTimeoutMs);
    await using entryLog = await openEntryLog(line, quietLogger());
    return await tap(entryLog, { filter, form, live, once, timeoutMs }, io);
  },
};

function filterOf(line: CommandLine): string {
  const parts = {
    registry: line.text("registry"),
    namespace: line.text("namespace"),
    name: line.text("name"),
  };
  const filter = line.text("filter");
  if (filter === undefined) return subjectFilter(parts);
  if (Object.values(parts).some((part) => part !== undefined)) {
    throw new MeshError("configuration", "--filter goes without --registry, --namespace and --name");
  }
  if (!/^[^\s.]+(\.[^\s.]+)*$/.test(filter)) {
    throw new MeshError(
      "configuration",
      `--filter "${filter}": expected a subject, such as mesh.entries.*.eureka.>`,
    );
  }
  return filter;
}

async function openEntryLog(line: CommandLine, log: Logger): Promise<EntryLog> {
  const file = line.text("config");
  const servers = line.text("servers");
  if (file === undefined) {
    const list = (servers ?? defaultServer).split(",").map((server) => server.trim()).filter(Boolean);
    for (const server of list) {
      const fault = natsServerFault(server);
      if (fault === undefined) continue;
      const remedy = fault === ""
        ? ""
        : `; ${server.includes("@") ? "put user and password into --config" : fault}`;
      throw new MeshError(
        "configuration",
        `--servers ${maskAddress(server)}: expected a NATS server such as ${defaultServer}${remedy}`,
      );
    }
    if (list.length === 0) {
      throw new MeshError("configuration", `--servers names no server, such as ${defaultServer}`);
    }
    return JetStreamEntryLog.open({ servers: list, name: "meshctl", create: false, log });
  }
  if (servers !== undefined) {
    throw new MeshError("configuration", "--servers and --config contradict each other; use one of them");
  }
  const { config } = await readSettingsFile(file, process.env);
  if (config.nats.servers.length === 0) {
    throw new MeshError(
      "configuration",
      `${file} names no nats.servers, so its entry log is inside one process and can't be tapped; use meshctl watch`,
    );
  }
  return await openSharedEntryLog(config, "meshctl", log);
}

/** The entry log's own log lines are for operators; somebody who asks with LOG_LEVEL gets them. */
function quietLogger(): Logger {
  const log = createLogger("meshctl");
  if (process.env["LOG_LEVEL"] === undefined) log.level = "silent";
  return log;
}

/** Answers 0 when stopped; with `once`, 1 if the stream was not read to its end before that. */
async function tap(
  entryLog: EntryLog,
  { filter, form, live, once, timeoutMs }: TapOptions,
  io: CommandIo,
): Promise<number> {
  const note = (text: string) => io.stderr(`meshctl: ${text}\n`);
  using _status = noteStatus(entryLog, note);
  const view = new TapView();
  const printer = new ChangePrinter(form);
  let caughtUp = false;
  let batch: Change[] = [];
  const print = () => {
    if (batch.length > 0) io.stdout(printer.text(batch, new Date()));
    batch = [];
  };
  using limit = onceLimit(once ? timeoutMs : 0, note);
  for await (const event of entryLog.follow(filter, AbortSignal.any([io.signal, limit.signal]))) {
    const seen = view.see(event);
    if (seen.type === "change" && (caughtUp || !live)) {
      batch.push(seen.change);
      // Columns want to be set together, but nobody waits for a large snapshot to end.
      if (caughtUp || batch.length >= 1000) print();
    } else if (seen.type === "note" && (caughtUp || !live)) note(seen.text);
    else if (seen.type === "caught-up") {
      print();
      if (once) {
        if (seen.resources === 0) note(`no entry matches ${filter}`);
        return 0;
      }
      if (!caughtUp) note(`${seen.resources} entries match ${filter}; following changes, Ctrl-C ends`);
      caughtUp = true;
    }
  }
  return once ? 1 : 0;
}

/** Says when NATS or the stream can't be reached, and when it can again. */
function noteStatus(entryLog: EntryLog, note: (text: string) => void): Disposable {
  let told: string | undefined;
  const timer = setInterval(() => {
    const { connected, detail } = entryLog.status();
    // The time that it takes is no news: without it a line a second would come.
    const text = connected ? "connected again" : `waiting: ${detail.replace(/ \(for \d+ s\)$/, "")}`;
    if (text !== told && (!connected || told !== undefined)) note(text);
    told = connected && told === undefined ? undefined : text;
  }, 1000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
