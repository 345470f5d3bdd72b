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

/** Headers of every request. */
export function headers(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const token = sessionStorage.getItem(tokenKey);
  return { ...more, ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
}

/** The URL of a question: relative, so that a path prefix of a proxy in front does no harm. */
export function apiUrl(path: string): string {
  return `api/v1${path}`;
}

/** Asks a question. The form of the answer is the aggregator's promise, of the same version as this page. */
export async function ask<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  const response = await fetch(apiUrl(path), {
    headers: headers(),
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  if (response.status !== 200) {
    throw new NoAnswer(response.status, errorIn(text) ?? `the answer is ${response.status}`);
  }
  return JSON.parse(text);
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
