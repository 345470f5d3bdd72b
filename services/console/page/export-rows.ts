import type { ServiceRow } from "../../../shared/api/services.ts";

const fields = ["name", "hosts", "sources", "endpoints", "flags", "version", "position"] as const;

/** The rows as CSV (RFC 4180), a line for each, with a head; lists are parted by spaces. */
export function csvOf(rows: readonly ServiceRow[]): string {
  const lines = rows.map((row) =>
    fields.map((field) => {
      const value = row[field];
      return cell(typeof value === "object" ? value.join(" ") : String(value));
    }).join(",")
  );
  return [fields.join(","), ...lines, ""].join("\r\n");
}

/** A spreadsheet takes what begins so as a formula, and a registry may hold any name. */
const formula = /^[=+\-@\t\r]/;

function cell(text: string): string {
  const safe = formula.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
