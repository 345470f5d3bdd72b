import { helpText } from "../../shared/runtime/command-line.ts";
import type { OptionSpec } from "../../shared/runtime/command-line.ts";
import { MeshError } from "../../shared/runtime/errors.ts";
import { ChangePrinter, outputForms } from "./change-printer.ts";
import type { OutputForm } from "./change-printer.ts";
import type { Command, CommandIo } from "./command.ts";
import { choice, listOf, readOptions, takeRepeated } from "./command-options.ts";
import { typeUrlOf } from "./type-url.ts";
import { TypeView } from "./type-view.ts";
import { followXds } from "./xds-client.ts";

const defaultAddress = "127.0.0.1:16010";

const options: Readonly<Record<string, OptionSpec>> = {
  address: { type: "string", value: "HOST:PORT", help: `The xDS server (default ${defaultAddress})` },
  type: {
    type: "string",
    value: "TYPE",
    help: "ServiceEntry (default), Sidecar, or a type URL; may be repeated",
  },
  revision: { type: "string", value: "REV", help: "See what an istiod of this revision sees" },
  output: { type: "string", value: "FORM", help: "wide (default), yaml or json; short: -o" },
  once: { type: "boolean", help: "Print the first answer and end" },
  dialect: { type: "string", value: "NAME", help: "sotw (default): state of the world, as stock istiod" },
};

const usage =
  "meshctl watch [--address HOST:PORT] [--type TYPE]… [--revision REV] [-o wide|yaml|json] [--once]";

const purpose = `Connects to the aggregator as a stock istiod does, prints the resources and then each change
until Ctrl-C: + added, ~ updated, - deleted. Connects again when the server goes away; after
that, too, only what really changed is printed.

What is waited for is told on standard error. JSON is one manifest per line, with "change"
in front; in YAML the change is a comment.`;

/** Dialects that are planned, and those that are served now. */
const dialects = ["sotw", "delta", "incremental", "http"];
const servedDialects = ["sotw"];

/** What the command line of `watch` asks for. */
interface WatchOptions {
  readonly address: string;
  readonly typeUrls: readonly string[];
  readonly revision: string | undefined;
  readonly form: OutputForm;
  readonly once: boolean;
}

/** `meshctl watch`: an xDS client in the place of an istiod. */
export const watchCommand: Command = {
  name: "watch",
  summary: "See what istiod sees: the resources over xDS, and each change",
  lasting: true,
  run: async (args, io) => {
    const { values: types, rest } = takeRepeated(args, "type");
    const line = readOptions(rest, options, usage);
    if (line.flag("help")) {
      io.stdout(helpText(usage, purpose, options));
      return 0;
    }
    checkDialect(choice(line, "dialect", dialects, "sotw"));
    return await watch({
      address: addressOf(line.text("address") ?? defaultAddress),
      typeUrls: [...new Set(types.length === 0 ? [typeUrlOf("ServiceEntry")] : types.map(typeUrlOf))],
      revision: line.text("revision"),
      form: choice(line, "output", outputForms, "wide"),
      once: line.flag("once"),
    }, io);
  },
};

function checkDialect(dialect: string): void {
  if (servedDialects.includes(dialect)) return;
  throw new MeshError(
    "configuration",
    `--dialect ${dialect} is not served yet; served now: ${listOf(servedDialects)}`,
  );
}

/** `host:port`; an `xds://` before it is what istiod's configuration has. */
function addressOf(text: string): string {
  const address = text.replace(/^xds:\/\//, "");
  const port = Number(/^(?:\[[^\]]+\]|[^:/\s]+):(\d+)$/.exec(address)?.[1]);
  if (port >= 1 && port <= 65_535) return address;
  throw new MeshError("configuration", `--address ${text}: expected HOST:PORT, such as ${defaultAddress}`);
}

/** Answers 0 after Ctrl-C; with `once`, 1 if there was no complete answer before it. */
async function watch(
  { address, typeUrls, revision, form, once }: WatchOptions,
  io: CommandIo,
): Promise<number> {
  const views = new Map(typeUrls.map((typeUrl) => [typeUrl, new TypeView(typeUrl)]));
  const unanswered = new Set(typeUrls);
  const done = new AbortController();
  const printer = new ChangePrinter(form);
  const note = (text: string) => io.stderr(`meshctl: ${text}\n`);
  await followXds({
    address,
    typeUrls,
    revision,
    onNote: note,
    onResponse: (response) => {
      if (done.signal.aborted) return;
      const { typeUrl } = response;
      const applied = views.get(typeUrl)?.apply(response);
      if (applied === undefined || (once && !unanswered.has(typeUrl))) return;
      if (unanswered.delete(typeUrl) && applied.count === 0) note(`${address} has no ${typeUrl}`);
      for (const problem of applied.problems) note(`warning: ${problem}`);
      io.stdout(printer.text(applied.changes, new Date()));
      if (once && unanswered.size === 0) done.abort();
    },
  }, AbortSignal.any([io.signal, done.signal]));
  return once && unanswered.size > 0 ? 1 : 0;
}
