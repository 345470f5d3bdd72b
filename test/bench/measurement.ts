/** One measured figure: a row of the table. */
export interface Figure {
  readonly what: string;
  /** Of the input, such as `10,000 x 10`. */
  readonly size: string;
  readonly figure: number;
  readonly unit: string;
}

/** What a measurement works with. */
export interface Bench {
  /** Small sizes: shows that everything runs, the figures mean little. */
  readonly quick: boolean;
  report(figure: Figure): void;
  /** Something that a reader of the table has to know, such as what was left out. */
  note(text: string): void;
  /** What is being done, for whoever waits. */
  progress(text: string): void;
}

/** One measurement. Each runs in a process of its own, so that none inherits another's heap or compiled code. */
export interface Measurement {
  /** For `--only`. */
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  run(bench: Bench): Promise<void>;
}
