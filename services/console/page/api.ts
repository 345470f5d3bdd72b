/** Asks the aggregator, at this page's own origin and below its own path. */

/** Why a question has no answer. */
export class NoAnswer extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const tokenKey = "meshregistry-token";

/** The token, which lives as long as the tab. */
export function setToken(token: string): void {
  sessionStorage.setItem(tokenKey, token);
}

/** The operator's token. It is forgotten with the page: who acts later is to be asked again. */
let operatorToken = "";

/** Remembers the operator's token; an empty one forgets it. */
export function setOperatorToken(token: string): void {
  operatorToken = token;
}

/** True if actions have a token. */
export function hasOperatorToken(): boolean {
  return operatorToken !== "";
}

/** Headers of every request. */
export function headers(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const token = sessionStorage.getItem(tokenKey);
  return { ...more, ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
}

/** The URL of a question: relative, so that a path prefix of a proxy in front does no harm. */
export function apiUrl(path: string): string {
  return `api/v1${path}`;
}

/**
 * Asks a question, with a body if it has one. The form of the answer is the aggregator's promise, of the same version as
 * this page.
 * @throws NoAnswer
 */
export async function ask<Answer>(path: string, question?: { readonly body: unknown }): Promise<Answer> {
  return await answerTo(path, question, headers());
}

/** Asks a question and takes its answer as it is written, such as YAML. @throws NoAnswer */
export async function askText(path: string): Promise<string> {
  return await textOf(await fetch(apiUrl(path), { headers: headers() }));
}

/** Has something done, with the operator's token. @throws NoAnswer */
export async function act<Answer>(path: string, body: unknown): Promise<Answer> {
  const token = operatorToken === "" ? {} : { authorization: `Bearer ${operatorToken}` };
  return await answerTo(path, { body }, { ...headers(), ...token });
}

async function answerTo<Answer>(
  path: string,
  question: { readonly body: unknown } | undefined,
  given: Record<string, string>,
): Promise<Answer> {
  const response = await fetch(
    apiUrl(path),
    question === undefined ? { headers: given } : {
      method: "POST",
      headers: { ...given, "content-type": "application/json" },
      body: JSON.stringify(question.body),
    },
  );
  return JSON.parse(await textOf(response));
}

async function textOf(response: Response): Promise<string> {
  const text = await response.text();
  if (response.status === 200) return text;
  throw new NoAnswer(response.status, errorIn(text) ?? `the answer is ${response.status}`);
}

function errorIn(text: string): string | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === "object" && answer !== null && "error" in answer) return String(answer.error);
  } catch {
    // Not of the API: a proxy's page.
  }
  return undefined;
}
