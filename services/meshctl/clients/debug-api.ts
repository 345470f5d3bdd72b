import type { z } from "zod";
import { Failure } from "../../../shared/api/state.ts";
import type { CommandLine, OptionSpec } from "../../../shared/runtime/command-line.ts";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import { maskAddress } from "../../../shared/runtime/mask.ts";

/** The options of commands that ask the debug API. */
export const debugApiOptions: Readonly<Record<string, OptionSpec>> = {
  api: {
    type: "string",
    value: "URL",
    help: "Debug API of the aggregator (default $MESHREGISTRY_API, else http://127.0.0.1:8081)",
  },
};

/** How long an answer may take, in milliseconds. */
const timeoutMs = 10_000;

/** Why an answer is a refusal: what the API says, or the beginning of another server's words. */
function reasonIn(text: string): string {
  let said = text.trim();
  try {
    said = Failure.parse(JSON.parse(text)).error;
  } catch {
    // No answer of the API's: what it is tells more than that it isn't one.
  }
  return said.slice(0, 400);
}

/** A question that wasn't answered; the message is for the user. The command ends with exit code 1. */
export class NotAnswered extends Error {}

/** An aggregator's debug API. The token is in the environment, where other users of the machine don't see it. */
export class DebugApi {
  readonly url: string;
  readonly #token: string | undefined;
  readonly #signal: AbortSignal;

  /** @throws MeshError `configuration` for what is no URL. */
  constructor(line: CommandLine, signal: AbortSignal, env: NodeJS.ProcessEnv = process.env) {
    const given = line.text("api") ?? env["MESHREGISTRY_API"] ?? "http://127.0.0.1:8081";
    if (!/^https?:\/\/[^/?#\s]+/.test(given) || !URL.canParse(given)) {
      throw new MeshError(
        "configuration",
        `--api ${maskAddress(given)}: expected a URL such as http://127.0.0.1:8081`,
      );
    }
    this.url = given.replace(/\/+(?:meshregistry\/*)?$/, "");
    this.#token = env["MESHREGISTRY_TOKEN"];
    this.#signal = signal;
  }

  /**
   * The answer to a request below `/meshregistry`, in JSON.
   * @throws NotAnswered if it can't be had, or has another form
   */
  async ask<Answer>(
    path: string,
    schema: z.ZodType<Answer>,
    method: "GET" | "POST" = "GET",
    below = "/meshregistry",
    body?: string,
  ): Promise<Answer> {
    const text = await this.text(path, method, below, body);
    try {
      return schema.parse(JSON.parse(text));
    } catch {
      throw new NotAnswered(
        `${this.#shown(path, below)} answered something else than an aggregator of this version: ${
          text.slice(0, 80)
        }`,
      );
    }
  }

  /**
   * The answer to a question of the API, below `/api/v1`.
   * @throws NotAnswered if it can't be had, or has another form
   */
  async askApi<Answer>(path: string, schema: z.ZodType<Answer>): Promise<Answer> {
    return await this.ask(path, schema, "GET", "/api/v1");
  }

  /**
   * The answer of the API to a question with a body, below `/api/v1`.
   * @throws NotAnswered if it can't be had, or has another form
   */
  async postApi<Answer>(path: string, body: unknown, schema: z.ZodType<Answer>): Promise<Answer> {
    return await this.ask(path, schema, "POST", "/api/v1", JSON.stringify(body));
  }

  /** The text of an answer. @throws NotAnswered if it can't be had */
  async text(
    path: string,
    method: "GET" | "POST" = "GET",
    below = "/meshregistry",
    body?: string,
  ): Promise<string> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.url}${below}${path}`, {
        method,
        ...(body === undefined ? {} : { body }),
        headers: this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` },
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(timeoutMs)]),
      });
      text = await response.text();
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      throw new NotAnswered(
        `${maskAddress(this.url)} can't be reached: ${
          errorText(cause)
        }. Is the aggregator there? --api names another; ` +
          "in a cluster: kubectl -n istio-system port-forward service/meshregistry 8081",
      );
    }
    if (response.ok) return text;
    if (response.status === 401) {
      throw new NotAnswered(
        `${maskAddress(this.url)} asks for its token: set MESHREGISTRY_TOKEN to ${
          method === "POST" ? "http.operatorToken (or http.token, if there is none)" : "http.token"
        } of its configuration`,
      );
    }
    throw new NotAnswered(
      `${this.#shown(path, below)} answered ${response.status}: ${reasonIn(text)}`,
    );
  }

  /**
   * What `/api/v1/events` sends within a time, in milliseconds, as it comes.
   * @throws NotAnswered if it can't be followed, or ends before
   */
  async *events(forMs: number): AsyncIterable<string> {
    const end = AbortSignal.timeout(forMs);
    try {
      const response = await fetch(`${this.url}/api/v1/events`, {
        headers: this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` },
        signal: AbortSignal.any([this.#signal, end]),
      });
      if (!response.ok || response.body === null) {
        throw new NotAnswered(`${this.#shown("/events", "/api/v1")} answered ${response.status}`);
      }
      yield* response.body.pipeThrough(new TextDecoderStream());
    } catch (error) {
      if (end.aborted || this.#signal.aborted) return;
      if (error instanceof NotAnswered) throw error;
      throw new NotAnswered(`${maskAddress(this.url)} can't be followed: ${errorText(error)}`);
    }
    throw new NotAnswered(`${maskAddress(this.url)} has ended its events; it may have been stopped`);
  }

  #shown(path: string, below: string): string {
    return `${maskAddress(this.url)}${below}${path}`;
  }
}
