import { runCommandLine } from "./commands.ts";

/** A command that a test runs: what it has printed so far, and its end. */
export class TestRun {
  out = "";
  err = "";
  /** The exit code, when it ends. */
  readonly code: Promise<number>;
  readonly #stop = new AbortController();

  /** Starts `meshctl` with these arguments, in this process. */
  constructor(...args: readonly string[]) {
    this.code = runCommandLine(args, {
      stdout: (text) => this.out += text,
      stderr: (text) => this.err += text,
      signal: this.#stop.signal,
    });
  }

  /** Presses Ctrl-C; answers the exit code. */
  async stop(): Promise<number> {
    this.#stop.abort();
    return await this.code;
  }
}

/** Runs `meshctl` to its end. */
export async function run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const command = new TestRun(...args);
  const code = await command.code;
  return { code, out: command.out, err: command.err };
}
