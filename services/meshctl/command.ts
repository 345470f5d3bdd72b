/** What a command works with: where it prints to, and when it has to stop. */
export interface CommandIo {
  /** What the user asked for. Text as it is, line breaks included. */
  readonly stdout: (text: string) => void;
  /** Everything else: mistakes, warnings, what is being waited for. */
  readonly stderr: (text: string) => void;
  /** Aborts on Ctrl-C, and when nobody reads the standard output any more. */
  readonly signal: AbortSignal;
}

/** One subcommand of meshctl. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** True if it goes on until it is told to stop, so that Ctrl-C has to end it in order. */
  readonly lasting: boolean;
  /**
   * Runs it; `args` are what follows its name. Answers the exit code: 0 for success, 2 for a wrong command line or
   * configuration, 1 for anything else that went wrong.
   * @throws MeshError `configuration` with the message for the user; the caller prints it and answers 2.
   */
  readonly run: (args: readonly string[], io: CommandIo) => Promise<number>;
}
