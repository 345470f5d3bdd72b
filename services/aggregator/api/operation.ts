import { Hono } from "hono";
import type { Context } from "hono";
import { z } from "zod";
import { stringify } from "yaml";
import type { Failure } from "../../../shared/api/state.ts";

/** A question of the API that is answered with JSON or YAML. */
export interface Operation<Query extends z.ZodObject = z.ZodObject, Answer extends z.ZodType = z.ZodType> {
  /** Below the API's prefix; `{name}` is a parameter. */
  readonly path: string;
  /** The name in generated clients. */
  readonly id: string;
  readonly summary: string;
  readonly query: Query;
  /** What the parameters of the path are, by name. */
  readonly params?: Readonly<Record<string, string>>;
  readonly answer: Answer;
  /** Registers the route. */
  readonly register: (app: Hono) => void;
}

/** What a handler is given. */
export interface Question<Query> {
  readonly query: Query;
  readonly params: Readonly<Record<string, string>>;
}

/** Says that there is no such thing, or too much to do at once; the text is for a person. */
export class Refusal extends Error {
  readonly status: 400 | 404 | 413 | 429 | 503;

  constructor(status: Refusal["status"], message: string) {
    super(message);
    this.status = status;
  }
}

/** The first thing that is wrong with a question, after its place; `whole` is the place of the question itself. */
export function firstIssue({ issues: [issue] }: z.ZodError, whole: string): string {
  return `${issue?.path.join(".") || whole}: ${issue?.message ?? "not understood"}`;
}

/** How many characters a query may have in all. */
const maxQueryChars = 4096;

/** Lists longer than this aren't written as YAML: that takes fifty times as long as JSON, and keeps others waiting. */
const maxYamlBytes = 1_000_000;

/** Makes an operation; its handler's answer has the schema's type. */
export function operation<Query extends z.ZodObject, Answer extends z.ZodType>(
  what: Omit<Operation<Query, Answer>, "register"> & {
    readonly handle: (question: Question<z.output<Query>>) => z.input<Answer> | Promise<z.input<Answer>>;
  },
): Operation<Query, Answer> {
  const { handle, ...described } = what;
  // An unknown parameter is a typing error, and its filter would be missed.
  const Given = z.strictObject({ ...what.query.shape, format: format.optional() });
  return {
    ...described,
    register: (app) => {
      app.get(what.path.replaceAll(/\{(\w+)\}/g, ":$1"), async (c) => {
        if (c.req.url.length - c.req.path.length > maxQueryChars) {
          return failure(c, 400, "the query is too long");
        }
        const given = Given.safeParse(c.req.query());
        if (!given.success) {
          return failure(c, 400, firstIssue(given.error, "query"));
        }
        try {
          const query = what.query.parse(c.req.query());
          return written(c, await handle({ query, params: c.req.param() }), given.data.format);
        } catch (error) {
          if (error instanceof Refusal) return failure(c, error.status, error.message);
          throw error;
        }
      });
    },
  };
}

/** How an answer is written; without it the `Accept` header decides, and JSON is the default. */
export const format = z.enum(["json", "yaml"]);

function written(c: Context, answer: unknown, wanted: z.infer<typeof format> | undefined): Response {
  const json = JSON.stringify(answer);
  const isYaml = (wanted ?? (/\byaml\b/.test(c.req.header("accept") ?? "") ? "yaml" : "json")) === "yaml";
  if (!isYaml) return c.body(json, 200, { "Content-Type": "application/json" });
  if (json.length > maxYamlBytes) {
    return failure(c, 400, "too much for YAML: ask for a page (limit), or for JSON");
  }
  const text = stringify(JSON.parse(json), {
    version: "1.1",
    lineWidth: 0,
    indentSeq: false,
    aliasDuplicateObjects: false,
  });
  return c.body(text, 200, { "Content-Type": "application/yaml" });
}

function failure(c: Context, status: Refusal["status"], error: string): Response {
  const answer: z.infer<typeof Failure> = { error };
  return c.json(answer, status);
}

/** The routes of some operations. */
export function routesOf(operations: readonly Operation[]): Hono {
  const app = new Hono();
  for (const each of operations) each.register(app);
  return app;
}
