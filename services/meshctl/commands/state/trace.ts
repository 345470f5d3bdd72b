import { Trace } from "../../../../shared/api/trace.ts";
import { askedBy } from "../../../../shared/model/trace-question.ts";
import { MeshError } from "../../../../shared/runtime/errors.ts";
import type { CommandLine } from "../../../../shared/runtime/command-line.ts";
import { stateCommand } from "./state-command.ts";

/** `meshctl trace`: why something is or isn't in the mesh. */
export const traceCommand = stateCommand({
  name: "trace",
  summary: "Say why an instance or a service is or isn't in the mesh, stage by stage",
  usage:
    "meshctl trace [WHAT | --instance ADDRESS[:PORT] | --host HOST | --service NAME | --application NAME]",
  takes: 1,
  options: {
    instance: { type: "string", value: "ADDRESS[:PORT]", help: "An instance, by its address" },
    host: { type: "string", value: "HOST", help: "A host, or the beginning of one" },
    service: { type: "string", value: "[NAMESPACE/]NAME", help: "A service or an interface" },
    application: { type: "string", value: "NAME", help: "An application" },
  },
  purpose:
    `Follows an instance or a service on its way: registry, selection, name, conversion, rules, publishing,
stream, check, doubt, conflicts, virtual address, push, acknowledgement, and what istiod has, if the aggregator
knows its debug API (istiod.debug). Each stage gives a verdict with a code; docs/reasons.md says of each code how
to mend it. Collectors are asked by the aggregator.

WHAT is an instance if it looks like an address, and a service otherwise:

  meshctl trace 10.0.0.7:20880
  meshctl trace com.acme.OrderService

Exit code: 0 if it is in the mesh, 3 if a stage has a problem, 4 if a stage can't tell, 1 if the aggregator
can't be asked.`,
  async ask(api, line) {
    const [by, text] = wantedIn(line);
    const data = await api.askApi(`/trace?${by}=${encodeURIComponent(text)}`, Trace);
    const verdicts = data.stages.flatMap(({ stage, verdicts }) =>
      verdicts.map((each) => ({ stage, ...each }))
    );
    const exitCode = data.verdict === "problem" ? 3 : data.verdict === "unknown" ? 4 : 0;
    return {
      data,
      titles: ["STAGE", "VERDICT", "CODE", "SOURCE", "FOUND"],
      rows: verdicts.map((
        { stage, verdict, code, source, text: found },
      ) => [stage, verdict, code, source ?? "", found]),
      none: "no stage knows it",
      below: `\n${data.summary}\n`,
      exitCode,
    };
  },
});

/** By what is asked, and for what. */
function wantedIn(line: CommandLine): readonly [by: string, text: string] {
  const [what] = line.positionals;
  const given = askedBy.flatMap((by) => {
    const text = line.text(by);
    return text === undefined ? [] : [[by, text] as const];
  });
  if (what !== undefined) given.push([looksLikeAddress(what) ? "instance" : "service", what]);
  const [first, ...others] = given;
  if (first === undefined || others.length > 0) {
    throw new MeshError(
      "configuration",
      "name one instance, host, service or application; see meshctl trace --help",
    );
  }
  return first;
}

function looksLikeAddress(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+(?::\d+)?$/.test(text) || /^\[.*\](?::\d+)?$/.test(text) ||
    (/^[0-9a-f:]+$/i.test(text) && text.split(":").length > 2);
}
