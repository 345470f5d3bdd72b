import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { z } from "zod";
import { errorText } from "../../shared/runtime/errors.ts";

/**
 * Work in a process of its own: its CPU and memory are its own, and nobody else's count as its. The parent asks, the
 * child answers; a command is a name and one JSON value.
 */

const Request = z.object({ id: z.number(), command: z.string(), input: z.unknown() });
const Reply = z.object({ id: z.number(), result: z.unknown(), error: z.string().optional() });

/** The parent's side. The child ends when it is disposed of, or when the parent is gone. */
export class Worker implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #file: string;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #exited: Promise<void>;
  #lastId = 0;

  /** `file` is a module of this folder that calls {@link serveCommands}. */
  constructor(file: string) {
    this.#file = file;
    const child = fork(join(import.meta.dirname, file), {
      env: { ...process.env, LOG_LEVEL: "warn" },
      execArgv: process.execArgv,
    });
    this.#child = child;
    child.on("message", (message) => {
      const reply = Reply.parse(message);
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.error === undefined) waiting?.resolve(reply.result);
      else waiting?.reject(new Error(`${file}: ${reply.error}`));
    });
    this.#exited = new Promise((resolve) => {
      const end = (how: string) => {
        for (const { reject } of this.#waiting.values()) reject(new Error(`${file} ended (${how})`));
        this.#waiting.clear();
        resolve();
      };
      child.once("error", (error) => end(error.message));
      child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
    });
  }

  /** Sends a command and waits for its result. */
  async ask<T>(schema: z.ZodType<T>, command: string, input: unknown = null): Promise<T> {
    const waiting = Promise.withResolvers<unknown>();
    const id = ++this.#lastId;
    this.#waiting.set(id, waiting);
    this.#child.send({ id, command, input }, (error) => {
      if (error !== null) waiting.reject(new Error(`${this.#file} can't be asked: ${errorText(error)}`));
    });
    return schema.parse(await waiting.promise);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }
}

/** One command of a child: takes the input as it came, answers a JSON value. */
export type Command = (input: unknown) => unknown;

/** The child's side: answers the parent's commands until the parent is gone. */
export function serveCommands(commands: Readonly<Record<string, Command>>): void {
  const answer = async (message: unknown) => {
    const { id, command, input } = Request.parse(message);
    try {
      const run = commands[command];
      if (run === undefined) throw new TypeError(`unknown command ${command}`);
      process.send?.({ id, result: await run(input) });
    } catch (error) {
      process.send?.({ id, error: errorText(error) });
    }
  };
  process.on("message", (message) => void answer(message));
  process.once("disconnect", () => process.exit());
}
