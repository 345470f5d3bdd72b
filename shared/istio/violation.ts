/**
 * The rules that we know, by the names used in our documentation. Of Istio's validation: `M` metadata of any kind, `S`
 * ServiceEntry, `C` Sidecar. `E1` is what Envoy asks of an endpoint beyond that.
 */
export type Rule =
  | "E1"
  | "M1"
  | "S1"
  | "S2"
  | "S3"
  | "S4"
  | "S5"
  | "S6"
  | "S7"
  | "S8"
  | "S9"
  | "S10"
  | "S11"
  | "S12"
  | "S13"
  | "C1"
  | "C2"
  | "C3"
  | "C4"
  | "C5"
  | "C6"
  | "C7";

/**
 * One breach of a rule. istiod drops a resource with an `error`, and keeps whatever it had under that name before;
 * it takes a resource with a `warning`. `path` leads to the value inside the manifest, as in `spec.ports[1].number`;
 * `message` quotes the value and says what Istio wants.
 */
export interface Violation {
  readonly rule: Rule;
  readonly severity: "error" | "warning";
  readonly path: string;
  readonly message: string;
}

/**
 * How many errors, and how many warnings, are kept for one manifest. An entry whose 50,000 endpoints all share one
 * mistake is as wrong with a hundred messages as with 50,000, and the messages go to logs and to the debug API.
 */
export const violationLimit = 100;

/** Collects the violations of one manifest, up to {@link violationLimit} of each severity. */
export class Findings {
  readonly #errors: Violation[] = [];
  readonly #warnings: Violation[] = [];

  error(rule: Rule, path: string, message: string): void {
    if (!this.full) this.#errors.push({ rule, severity: "error", path, message });
  }

  warning(rule: Rule, path: string, message: string): void {
    if (this.#warnings.length >= violationLimit) return;
    this.#warnings.push({ rule, severity: "warning", path, message });
  }

  /** True when no further error is kept, so that a loop over endpoints may end. */
  get full(): boolean {
    return this.#errors.length >= violationLimit;
  }

  /** Errors first, then warnings, each in the order in which they were found. */
  list(): Violation[] {
    return this.#warnings.length === 0 ? this.#errors : [...this.#errors, ...this.#warnings];
  }
}

const quoteLimit = 120;

/** The text in double quotes, escaped as in JSON; long texts are cut and their length is told. */
export function quote(text: string): string {
  if (text.length <= quoteLimit) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, quoteLimit))}… (${text.length} characters)`;
}
