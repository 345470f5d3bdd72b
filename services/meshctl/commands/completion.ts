import { helpText } from "../../../shared/runtime/command-line.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import type { Command } from "../command.ts";
import { listOf, readOptions } from "../command-options.ts";
import { listedKinds } from "./state/get.ts";

/** The shells that a script is written for. */
const shells = ["bash", "zsh", "fish"] as const;
type Shell = (typeof shells)[number];

/** What is completed: a command, and one line about it. */
type Completed = Pick<Command, "name" | "summary">;

const usage = "meshctl completion bash|zsh|fish";

const purpose = `Prints a script that lets a shell complete the commands of meshctl:

  source <(meshctl completion bash)
  source <(meshctl completion zsh)
  meshctl completion fish | source`;

/** `meshctl completion`; `commands` are all that is completed. */
export function completionCommand(commands: () => readonly Completed[]): Command {
  return {
    name: "completion",
    summary: "Print a script that completes commands in bash, zsh or fish",
    lasting: false,
    run: (args, { stdout }) => {
      const line = readOptions(args, {}, usage, 1);
      const [wanted] = line.positionals;
      const shell = shells.find((each) => each === wanted);
      if (line.flag("help")) stdout(helpText(usage, purpose, {}));
      else if (shell !== undefined) stdout(scriptOf(shell, commands()));
      else throw new MeshError("configuration", `completion ${wanted ?? ""}: expected ${listOf(shells)}`);
      return Promise.resolve(0);
    },
  };
}

function scriptOf(shell: Shell, commands: readonly Completed[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  switch (shell) {
    case "bash":
      return `_meshctl() {
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names} version" -- "\${COMP_WORDS[1]}"))
  elif [ "\${COMP_WORDS[1]}" = get ] && [ "$COMP_CWORD" -eq 2 ]; then
    COMPREPLY=($(compgen -W "${listedKinds.join(" ")}" -- "\${COMP_WORDS[2]}"))
  else
    COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
  fi
}
complete -F _meshctl meshctl
`;
    case "zsh":
      return `_meshctl() {
  if (( CURRENT == 2 )); then
    local -a commands=(
${commands.map(({ name, summary }) => `      ${quoted(`${name}:${summary}`)}`).join("\n")}
    )
    _describe command commands
  elif (( CURRENT == 3 )) && [[ $words[2] == get ]]; then
    compadd ${listedKinds.join(" ")}
  else
    _files
  fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _meshctl meshctl
`;
    case "fish":
      return `complete -c meshctl -f -n __fish_use_subcommand -a version -d 'Print the version'
${
        commands.map(({ name, summary }) =>
          `complete -c meshctl -f -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`
        ).join("\n")
      }
complete -c meshctl -f -n '__fish_seen_subcommand_from get' -a '${listedKinds.join(" ")}'
`;
  }
}

/** A text as one word for a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
