import { helpText, parseCommandLine } from "../../shared/runtime/command-line.ts";
import type { OptionSpec } from "../../shared/runtime/command-line.ts";
import { errorText, isMeshError, MeshError } from "../../shared/runtime/errors.ts";
import { soak } from "./soak.ts";
import type { MemoryLevel } from "./soak.ts";

const options: Readonly<Record<string, OptionSpec>> = {
  minutes: { type: "string", value: "N", help: "How long (default 5)" },
  clients: { type: "string", value: "N", help: "Clients, of all dialects in turn (default 50)" },
  rate: { type: "string", value: "N", help: "Changes a second (default 200)" },
  services: { type: "string", value: "N", help: "Services, with 5 endpoints each (default 1000)" },
};

const usage = "npm run soak -- [--minutes N] [--clients N] [--rate N] [--services N]";

const purpose = `Serves clients of every dialect while the catalogue changes; some stall, some reconnect, some
refuse. Ends with 1 if a client's view differs from the cache in the end, or memory has not returned to its level.`;

/** What may be left, in MiB: fragments and caches, not what a leak makes of five minutes. */
const allowedGrowthMiB = 16;

const warmUpMs = 15_000;

/** `npm run soak`. Answers the exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const line = parseCommandLine(args, options, `Usage: ${usage}`);
    if (line.flag("help")) {
      process.stdout.write(helpText(usage, purpose, options));
      return 0;
    }
    const number = (name: string, otherwise: number) => positive(name, line.text(name), otherwise);
    return await run(
      number("minutes", 5),
      number("clients", 50),
      number("rate", 200),
      number("services", 1000),
    );
  } catch (error) {
    if (!isMeshError(error, "configuration")) throw error;
    process.stderr.write(`${errorText(error)}\n`);
    return 2;
  }
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new MeshError("configuration", `--${name} ${text}: expected a number above 0`);
}

async function run(minutes: number, clients: number, rate: number, services: number): Promise<number> {
  const report = await soak({
    clients,
    changesPerSecond: rate,
    warmUpMs,
    durationMs: minutes * 60_000,
    services,
    patienceMs: 60_000,
    progress: (text) => void process.stderr.write(`${text}\n`),
  });
  const { before, after, different } = report;
  const growthMiB = after.retainedMiB - before.retainedMiB;
  process.stdout.write([
    `changes                    ${report.changes}`,
    `responses                  ${report.responses}`,
    `of these refused           ${report.refusals}`,
    `connections                ${report.connections}`,
    `CPU per change             ${report.cpuMsPerChange.toFixed(2)} ms`,
    `memory before, no clients  ${levelText(before)}`,
    `memory after, no clients   ${levelText(after)}`,
    `views that differ          ${different.length}`,
    ...different.map((about) => `  ${about}`),
    "",
  ].join("\n"));
  return different.length === 0 && growthMiB <= allowedGrowthMiB ? 0 : 1;
}

function levelText({ retainedMiB, rssMiB }: MemoryLevel): string {
  return `${retainedMiB.toFixed(1)} MiB retained, RSS ${rssMiB.toFixed(0)} MiB`;
}

process.exitCode = await main(process.argv.slice(2));
