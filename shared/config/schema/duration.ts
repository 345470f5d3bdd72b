/**
 * A length of time in **milliseconds**, fractions allowed (1 µs is 0.001). In files it is text as Go writes it
 * (`"15s"`, `"1m30s"`); every field of the typed configuration that has this type is already a number.
 */
export type Duration = number;

const nanosecondsPerUnit: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1_000n],
  ["µs", 1_000n], // U+00B5, the micro sign
  ["μs", 1_000n], // U+03BC, the Greek letter
  ["ms", 1_000_000n],
  ["s", 1_000_000_000n],
  ["m", 60_000_000_000n],
  ["h", 3_600_000_000_000n],
]);

const nanosecondsPerMillisecond = 1e6;

/** Go keeps durations as 64-bit nanoseconds; what doesn't fit is an error there too. */
const largest = 2n ** 63n;

const part = /^(\d*)(?:\.(\d*))?([^\d.]*)/;

/**
 * Reads a duration by the rules of Go's `time.ParseDuration` and answers milliseconds.
 * Throws a `RangeError` whose message is Go's, without the `time: ` prefix.
 */
export function parseGoDuration(text: string): Duration {
  const unsigned = /^[-+]/.test(text) ? text.slice(1) : text;
  if (unsigned === "0") return 0;
  let rest = unsigned;
  if (rest === "") throw invalid(text);
  let total = 0n;
  while (rest !== "") {
    const [matched = "", whole = "", fraction = "", unit = ""] = part.exec(rest) ?? [];
    if (whole === "" && fraction === "") throw invalid(text);
    if (unit === "") throw new RangeError(`missing unit in duration ${JSON.stringify(text)}`);
    const factor = nanosecondsPerUnit.get(unit);
    if (factor === undefined) {
      throw new RangeError(`unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    }
    total += BigInt(whole === "" ? "0" : whole) * factor + fractionOf(fraction, factor);
    if (total > largest) throw invalid(text);
    rest = rest.slice(matched.length);
  }
  const negative = text.startsWith("-");
  if (total === largest && !negative) throw invalid(text);
  if (total === 0n) return 0;
  return (negative ? -1 : 1) * Number(total) / nanosecondsPerMillisecond;
}

/** With Go's arithmetic: floating point, and digits beyond what 63 bits hold are left out. */
function fractionOf(digits: string, factor: bigint): bigint {
  let value = 0n;
  let scale = 1;
  for (const digit of digits) {
    const next = value * 10n + BigInt(digit);
    if (next >= largest) break;
    value = next;
    scale *= 10;
  }
  return BigInt(Math.trunc(Number(value) * (Number(factor) / scale)));
}

function invalid(text: string): RangeError {
  return new RangeError(`invalid duration ${JSON.stringify(text)}`);
}

/** Prints milliseconds as Go prints a `time.Duration`: `24h0m0s`, `1m30s`, `1.5s`, `100ms`, `1µs`, `0s`. */
export function formatGoDuration(duration: Duration): string {
  const nanoseconds = BigInt(Math.round(duration * nanosecondsPerMillisecond));
  if (nanoseconds === 0n) return "0s";
  const sign = nanoseconds < 0n ? "-" : "";
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 1_000n)}µs`;
  if (size < 1_000_000_000n) return `${sign}${decimal(size, 1_000_000n)}ms`;
  const minutes = size / 60_000_000_000n;
  const seconds = `${decimal(size % 60_000_000_000n, 1_000_000_000n)}s`;
  if (minutes === 0n) return sign + seconds;
  const hours = minutes / 60n;
  return hours === 0n ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60n}m${seconds}`;
}

/** `value / unit` as a decimal number without trailing zeros. */
function decimal(value: bigint, unit: bigint): string {
  const fraction = (value % unit).toString().padStart(unit.toString().length - 1, "0").replace(/0+$/, "");
  return fraction === "" ? `${value / unit}` : `${value / unit}.${fraction}`;
}
