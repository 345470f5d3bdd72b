import { durationOption, helpText } from "../../../../shared/runtime/command-line.ts";
import type { OptionSpec } from "../../../../shared/runtime/command-line.ts";
import { MeshError } from "../../../../shared/runtime/errors.ts";
import { maskAddress } from "../../../../shared/runtime/mask.ts";
import { ChangePrinter, outputForms } from "../../output/change-printer.ts";
import type { OutputForm } from "../../output/change-printer.ts";
import type { Command, CommandIo } from "../../command.ts";
import { choice, readOptions, takeRepeated } from "../../command-options.ts";
import { onceLimit, onceTimeoutMs, onceTimeoutOption } from "../../once-limit.ts";
import type { ClientTls } from "../../clients/dialect-client.ts";
import { dialectNames, dialects } from "../../clients/dialects.ts";
import type { Dialect, DialectName } from "../../clients/dialects.ts";
import { readTls, tlsOptions } from "../../clients/tls-options.ts";
import { typeUrlOf } from "../../clients/type-url.ts";
import type { TypeUpdate } from "../../clients/type-update.ts";
import { TypeView } from "./type-view.ts";

const options: Readonly<Record<string, OptionSpec>> = {
  address: {
    type: "string",
    value: "HOST:PORT",
    help: `The server (default ${dialects.sotw.defaultAddress}; http: ${dialects.http.defaultAddress})`,
  },
  dialect: { type: "string", value: "NAME", help: "sotw (default), delta, incremental or http; see above" },
  type: {
    type: "string",
    value: "TYPE",
    help: "ServiceEntry (default), Sidecar, or a type URL; may be repeated",
  },
  revision: { type: "string", value: "REV", help: "See what an istiod of this revision sees" },
  output: { type: "string", value: "FORM", help: "wide (default), yaml or json; short: -o" },
  once: { type: "boolean", help: "Print the first answer and end" },
  timeout: onceTimeoutOption,
  ...tlsOptions,
};

const usage = "meshctl watch [--address HOST:PORT] [--dialect NAME] [--type TYPE]… [--revision REV] " +
  "[-o wide|yaml|json] [--once [--timeout TIME]] [--tls] [--ca FILE] [--cert FILE --key FILE] [--server-name NAME]";

const purpose = `Connects to the aggregator as a stock istiod does, prints the resources and then each change
until Ctrl-C: + added, ~ updated, - deleted. Connects again when the server goes away; after
that, too, only what really changed is printed.

Dialects, all with the same output:

- sotw: state of the world, as a stock istiod speaks it;
- delta: the Delta protocol of xDS, which goes on after a lost connection with what it has;
- incremental: that of slime's istio-mcp library, for istiods that are built with it;
- http: the long polling of that library, at a server's http:// address.

What is waited for is told on standard error, and so is what is odd about an answer. JSON is one
manifest per line, with "change" in front; in YAML the change is a comment.

Exit code: 0 after Ctrl-C or a complete --once, 1 if --once ended without a complete answer, 2 if the
command line or a file that it names is wrong.`;

/** What the command line of `watch` asks for. */
interface WatchOptions {
  readonly dialect: Dialect;
  readonly address: string;
  readonly typeUrls: readonly string[];
  readonly revision: string | undefined;
  readonly tls: ClientTls | undefined;
  readonly form: OutputForm;
  readonly once: boolean;
  /** How long `once` waits, in milliseconds; 0 for ever. */
  readonly timeoutMs: number;
}

/** `meshctl watch`: a client in the place of an istiod. */
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
    const name = choice(line, "dialect", dialectNames, "sotw");
    const dialect = dialects[name];
    const revision = line.text("revision");
    const address = addressOf(line.text("address"), name, dialect);
    const tls = await readTls(line);
    if (!dialect.hasNode && (revision !== undefined || tls !== undefined)) {
      const what = revision === undefined
        ? "no TLS"
        : "no revisions: a listener has one in the configuration";
      throw new MeshError("configuration", `--dialect ${name} knows ${what}`);
    }
    return await watch({
      dialect,
      address,
      typeUrls: [...new Set(types.length === 0 ? [typeUrlOf("ServiceEntry")] : types.map(typeUrlOf))],
      revision,
      tls,
      form: choice(line, "output", outputForms, "wide"),
      once: line.flag("once"),
      timeoutMs: durationOption(line, "timeout", onceTimeoutMs),
    }, io);
  },
};

/** `host:port`; a scheme before it is what configurations have. */
function addressOf(text: string | undefined, name: DialectName, { scheme, defaultAddress }: Dialect): string {
  if (text === undefined) return defaultAddress;
  const [, given = scheme, address = "", port] =
    /^(?:(xds|http):\/\/)?((?:\[[^\]]+\]|[^:/\s]+):(\d+))\/?$/.exec(text) ?? [];
  if (given !== scheme) {
    const fitting = given === "http" ? "http" : "sotw, delta or incremental";
    throw new MeshError(
      "configuration",
      `--address ${maskAddress(text)} isn't for --dialect ${name}, but for ${fitting}`,
    );
  }
  if (Number(port) >= 1 && Number(port) <= 65_535) return address;
  throw new MeshError(
    "configuration",
    `--address ${maskAddress(text)}: expected HOST:PORT, such as ${defaultAddress}`,
  );
}

/** How many oddities of one answer are told before the rest is only counted. */
const toldProblems = 10;

/** Answers 0 after Ctrl-C; with `once`, 1 if there was no complete answer before it. */
async function watch(options: WatchOptions, io: CommandIo): Promise<number> {
  const { dialect: { follow, morePartsMs }, address, typeUrls, once } = options;
  const views = new Map(typeUrls.map((typeUrl) => [typeUrl, new TypeView(typeUrl)]));
  const unanswered = new Set(typeUrls);
  const done = new AbortController();
  const printer = new ChangePrinter(options.form);
  const onNote = (text: string) => io.stderr(`meshctl: ${text}\n`);
  let lastPart: NodeJS.Timeout | undefined;

  const onUpdate = (update: TypeUpdate) => {
    const { typeUrl } = update;
    const view = views.get(typeUrl);
    const isFirst = unanswered.has(typeUrl);
    if (view === undefined || done.signal.aborted || (once && !isFirst && morePartsMs === 0)) return;
    const { changes, problems } = view.apply(update);
    // Further parts of a first answer hold nothing that was there before; what does is a change of later.
    const shown = once && !isFirst ? changes.filter(({ change }) => change === "added") : changes;
    if (once && !isFirst && shown.length === 0) return;
    unanswered.delete(typeUrl);
    if (isFirst && view.size === 0) onNote(`${address} has no ${typeUrl}`);
    for (const problem of problems.slice(0, toldProblems)) onNote(`warning: ${problem}`);
    if (problems.length > toldProblems) {
      onNote(`warning: and ${problems.length - toldProblems} more like these`);
    }
    io.stdout(printer.text(shown, new Date()));
    if (!once || unanswered.size > 0) return;
    clearTimeout(lastPart);
    if (morePartsMs === 0) done.abort();
    else lastPart = setTimeout(() => done.abort(), morePartsMs);
  };
  const held = (typeUrl: string) => views.get(typeUrl)?.versions() ?? {};
  using limit = onceLimit(once ? options.timeoutMs : 0, onNote);
  await follow(
    { ...options, held, onUpdate, onNote },
    AbortSignal.any([io.signal, done.signal, limit.signal]),
  );
  clearTimeout(lastPart);
  return once && unanswered.size > 0 ? 1 : 0;
}
