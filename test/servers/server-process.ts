import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** On a loaded machine a Java server takes ten times as long as on a calm one. */
const startTimeoutMs = 150_000;

/** A server that has not ended this long after SIGTERM is killed. */
const stopTimeoutMs = 15_000;

/** How to start a server, and how to see that it is ready. */
export interface Launch {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Asked again and again until it answers true; throwing counts as "not yet". */
  ready(): Promise<boolean>;
}

/**
 * One real server as a process of ours, with a temporary folder of its own. It is ended by its process id when the
 * handle is disposed of, and at the latest when this process is gone.
 */
export class ServerProcess implements AsyncDisposable {
  /** Temporary folder of the server; it survives restarts and goes with the handle. */
  readonly folder: string;
  /** What the server wrote, over all its starts. */
  readonly logFile: string;
  readonly #name: string;
  #launch: Launch | undefined;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #ending: string | undefined;

  constructor(name: string) {
    this.#name = name;
    this.folder = mkdtempSync(join(tmpdir(), `meshregistry-${name}-`));
    this.logFile = join(this.folder, "server.log");
  }

  /** Process id; `undefined` while it is stopped. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** How it ended: `exit code 0`, a signal's name, or why it couldn't be started; `undefined` while it runs. */
  get ending(): string | undefined {
    return this.#ending;
  }

  /** The end of the server's log. */
  logTail(lines = 40): string {
    return readFileSync(this.logFile, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  }

  /** Starts the server and waits until it is ready. If that fails, the error holds the end of the log. */
  async start(launch: Launch): Promise<void> {
    if (this.#child !== undefined) throw new TypeError(`${this.#name} is running already`);
    this.#launch = launch;
    const log = openSync(this.logFile, "a");
    const child = spawn(launch.command, launch.args, {
      cwd: this.folder,
      env: { ...process.env, ...launch.env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.#child = child;
    this.#ending = undefined;
    const guard = guardAgainstOurDeath(child);
    let ending: string | undefined;
    const onEnd = (how: string) => {
      ending = how;
      if (this.#child === child) [this.#child, this.#ending] = [undefined, how];
      guard?.kill("SIGKILL");
    };
    this.#exited = new Promise((resolve) => {
      child.once("error", (error) => (onEnd(error.message), resolve()));
      child.once("exit", (code, signal) => (onEnd(signal ?? `exit code ${code}`), resolve()));
    });
    const deadline = performance.now() + startTimeoutMs;
    while (!(await launch.ready().catch(() => false))) {
      if (ending !== undefined) throw this.#failure(`ended while starting (${ending})`);
      if (performance.now() > deadline) {
        await this.kill();
        throw this.#failure(`was not ready after ${startTimeoutMs / 1000} s`);
      }
      await sleep(50);
    }
    // Something else that answers on the port must not pass for the server.
    if (ending !== undefined) throw this.#failure(`ended while starting (${ending})`);
  }

  /** Sends `signal` (default SIGKILL) and waits for the end. Nothing happens if it is stopped. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.#child?.kill(signal);
    await this.#exited;
  }

  /** Sends a signal and does not wait: SIGSTOP and SIGCONT freeze and thaw the server. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends the server in its own way; killed if that takes too long. */
  async stop(): Promise<void> {
    const late = setTimeout(() => this.#child?.kill("SIGKILL"), stopTimeoutMs);
    await this.kill("SIGTERM");
    clearTimeout(late);
  }

  /** Stops it if it runs, and starts it again with the same ports and data. */
  async restart(): Promise<void> {
    if (this.#launch === undefined) throw new TypeError(`${this.#name} was never started`);
    await this.stop();
    await this.start(this.#launch);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A frozen process does not end on SIGTERM, and nobody looks at its data any more.
    await this.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  #failure(what: string): Error {
    const { command, args } = this.#launch ?? { command: "", args: [] };
    return new Error(
      `${this.#name} ${what}\ncommand: ${[command, ...args].join(" ")}\nlog:\n${this.logTail()}`,
    );
  }
}

/**
 * Starts a shell that kills `child` when this process is gone, however it ends (test runners kill their workers): the
 * shell reads from a pipe whose other end only this process holds.
 */
function guardAgainstOurDeath(child: ChildProcess): ChildProcess | undefined {
  if (child.pid === undefined) return undefined;
  const script = 'read -r line; kill -9 "$1"';
  const guard = spawn("sh", ["-c", script, "sh", String(child.pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    // Its own process group, so that Ctrl-C in a terminal does not end it before its work is done.
    detached: true,
  });
  guard.unref();
  if (guard.stdin instanceof Socket) guard.stdin.unref();
  return guard;
}

/** True if something accepts connections on 127.0.0.1 at this port; `greeting` must appear in the first bytes sent. */
export async function accepts(port: number, greeting = ""): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", timeout: 2_000 });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => greeting === "" && done(true));
    socket.once("data", (data) => done(data.includes(greeting)));
    socket.once("error", () => done(false));
    socket.once("timeout", () => done(false));
    socket.once("close", () => done(false));
  });
}

/**
 * Runs `body` with `server`; if it throws, disposes of the server before passing the error on. For start functions,
 * whose caller gets no handle when they fail.
 */
export async function orDispose<T>(server: AsyncDisposable, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}
