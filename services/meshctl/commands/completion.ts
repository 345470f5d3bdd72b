import { helpText } from "../../../shared/runtime/command-line.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import type { Command } from "../command.ts";
import { listOf, readOptions } from "../command-options.ts";
import { listedKinds } from "./state/get.ts";

/** The shells that a script is written for. */
const shells = ["bash", "zsh", "fish"] as const;
type Shell = (typeof shells)[number];

/** The words that a command takes from a list. */
const words: Readonly<Record<string, readonly string[]>> = {
  get: listedKinds,
  held: ["release"],
  nacos: ["dump"],
  zk: ["dump"],
  completion: shells,
};

/** A command as far as it is completed. */
type Completed = Pick<Command, "name" | "summary" | "run">;

/** An option of a command: `--name`, or `--name VALUE`. */
interface CompletedOption {
  readonly name: string;
  readonly takesValue: boolean;
  readonly help: string;
}

/** A command with its options. */
interface Listed extends Pick<Command, "name" | "summary"> {
  readonly options: readonly CompletedOption[];
}

const usage = "meshctl completion bash|zsh|fish";

const purpose = `Prints a script that lets a shell complete the commands of meshctl and their options:

  source <(meshctl completion bash)
  source <(meshctl completion zsh)
  meshctl completion fish | source`;

/** `meshctl completion`; `commands` are all that is completed. */
export function completionCommand(commands: () => readonly Completed[]): Command {
  return {
    name: "completion",
    summary: "Print a script that completes commands and options in bash, zsh or fish",
    lasting: false,
    run: async (args, { stdout, signal }) => {
      const line = readOptions(args, {}, usage, 1);
      const [wanted] = line.positionals;
      const shell = shells.find((each) => each === wanted);
      if (line.flag("help")) stdout(helpText(usage, purpose, {}));
      else if (shell !== undefined) {
        const listed = await Promise.all(commands().map((command) => listedOf(command, signal)));
        stdout(scriptOf(shell, listed));
      } else throw new MeshError("configuration", `completion ${wanted ?? ""}: expected ${listOf(shells)}`);
      return 0;
    },
  };
}

/** What a command's own help says of its options: they are completed as they are explained. */
async function listedOf({ name, summary, run }: Completed, signal: AbortSignal): Promise<Listed> {
  let help = "";
  await run(["--help"], { stdout: (text) => help += text, stderr: () => {}, signal });
  const options = [...help.matchAll(/^ {2}--([\w-]+)( \S+)? {2,}(.*)$/gm)].map((
    [, option = "", value, text = ""],
  ) => ({ name: option, takesValue: value !== undefined, help: text }));
  return { name, summary, options };
}

function scriptOf(shell: Shell, commands: readonly Listed[]): string {
  switch (shell) {
    case "bash":
      return bashScript(commands);
    case "zsh":
      return zshScript(commands);
    case "fish":
      return fishScript(commands);
  }
}

function wordCases(line: (command: string, list: string) => string): string {
  return Object.entries(words).map(([command, list]) => line(command, list.join(" "))).join("\n");
}

function flags({ options }: Listed): string {
  return options.map(({ name }) => `--${name}`).join(" ");
}

function bashScript(commands: readonly Listed[]): string {
  return `_meshctl() {
  local word="\${COMP_WORDS[COMP_CWORD]}" options=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} version" -- "$word"))
    return
  fi
  case "$word" in
  -*)
    case "\${COMP_WORDS[1]}" in
${commands.map((command) => `    ${command.name}) options="${flags(command)}" ;;`).join("\n")}
    esac
    COMPREPLY=($(compgen -W "$options" -- "$word"))
    ;;
  *)
    case "$COMP_CWORD \${COMP_WORDS[1]}" in
${wordCases((command, list) => `    "2 ${command}") COMPREPLY=($(compgen -W "${list}" -- "$word")) ;;`)}
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
    esac
    ;;
  esac
}
complete -F _meshctl meshctl
`;
}

function zshScript(commands: readonly Listed[]): string {
  const described = (name: string, text: string) => `      ${quoted(`${name}:${text}`)}`;
  return `_meshctl() {
  local -a offered
  if (( CURRENT == 2 )); then
    offered=(
${commands.map(({ name, summary }) => described(name, summary)).join("\n")}
    )
    _describe command offered
  elif [[ $words[CURRENT] == -* ]]; then
    case $words[2] in
${
    commands.map(({ name, options }) =>
      `    ${name}) offered=(\n${
        options.map((option) => described(`--${option.name}`, option.help)).join("\n")
      }\n    ) ;;`
    ).join("\n")
  }
    esac
    _describe option offered
  else
    case "$CURRENT $words[2]" in
${wordCases((command, list) => `    "3 ${command}") compadd ${list} ;;`)}
    *) _files ;;
    esac
  fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _meshctl meshctl
`;
}

function fishScript(commands: readonly Listed[]): string {
  const lines = commands.flatMap(({ name, summary, options }) => [
    `complete -c meshctl -f -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ...options.map((option) =>
      `complete -c meshctl -n '__fish_seen_subcommand_from ${name}' -l ${option.name}${
        option.takesValue ? " -r" : ""
      } -d ${quoted(option.help)}`
    ),
  ]);
  return `complete -c meshctl -f -n __fish_use_subcommand -a version -d 'Print the version'
${lines.join("\n")}
${
    wordCases((command, list) =>
      `complete -c meshctl -f -n '__fish_seen_subcommand_from ${command}' -a '${list}'`
    )
  }
`;
}

/** A text as one word for a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
