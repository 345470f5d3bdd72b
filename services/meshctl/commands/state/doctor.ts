import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";
import { formatIssue, inspectConfig, readConfigText } from "../../../../shared/config/mod.ts";
import { errorText, MeshError } from "../../../../shared/runtime/errors.ts";
import type { DebugApi } from "../../clients/debug-api.ts";
import { NotAnswered } from "../../clients/debug-api.ts";
import { Clients, Conflicts, Rejected, Sources } from "./answers.ts";
import { diagnose } from "./diagnose.ts";
import type { Facts } from "./diagnose.ts";
import { stateCommand } from "./state-command.ts";

/** `meshctl doctor`: looks at an installation from end to end. */
export const doctorCommand = stateCommand({
  name: "doctor",
  summary: "Look for what is wrong, from the configuration to istiod, and say what to do",
  usage: "meshctl doctor [--config FILE] [--istio FILE]",
  options: {
    config: { type: "string", value: "FILE", help: "Also check this configuration" },
    istio: {
      type: "string",
      value: "FILE",
      help: "Also check istiod's mesh configuration: Helm values, an IstioOperator or the ConfigMap istio",
    },
  },
  purpose:
    `Asks the aggregator how the entry log, each source, its collectors and clients are, and says of each
problem what to do about it.

  kubectl -n istio-system get configmap istio -o yaml > istio.yaml && meshctl doctor --istio istio.yaml

Exit code: 0 if there is no problem (warnings may be), 1 if there is one.`,
  async ask(api, line) {
    const [config, istio] = [line.text("config"), line.text("istio")];
    const findings = diagnose({
      ...(config !== undefined && { config: await configFacts(config) }),
      ...await aggregatorFacts(api),
      ...(istio !== undefined && { configSources: await istioSources(istio) }),
    });
    return {
      data: findings,
      titles: ["", "FOUND", "NEXT"],
      rows: findings.map(({ verdict, what, next }) => [verdict, what, next]),
      none: "",
      exitCode: findings.some(({ verdict }) => verdict === "problem") ? 1 : 0,
    };
  },
});

async function configFacts(file: string): Promise<NonNullable<Facts["config"]>> {
  const { errors, warnings } = inspectConfig(await readConfigText(file), {
    env: process.env,
    fileName: file,
    toRun: true,
  });
  return { errors: errors.map(formatIssue), warnings: warnings.map(formatIssue) };
}

/** A question that isn't answered is a finding, not the end. */
async function aggregatorFacts(api: DebugApi): Promise<Facts> {
  try {
    const [sources, clients, rejected, { counts }] = await Promise.all([
      api.ask("/sources", Sources),
      api.ask("/clients?detail=1", Clients),
      api.ask("/rejected", Rejected),
      api.ask("/conflicts", Conflicts),
    ]);
    return {
      sources,
      clients,
      rejected: Object.keys(rejected).length,
      unmergeable: counts["unmergeable"] ?? 0,
    };
  } catch (error) {
    if (error instanceof NotAnswered) return { unreachable: error.message };
    throw error;
  }
}

const Mesh = z.looseObject({ configSources: z.array(z.looseObject({ address: z.string() })).default([]) });
const IstioFile = z.union([
  z.looseObject({ kind: z.literal("ConfigMap"), data: z.looseObject({ mesh: z.string() }) })
    .transform(({ data }): unknown => parse(data.mesh)),
  z.looseObject({ spec: z.looseObject({ meshConfig: Mesh }) }).transform(({ spec }): unknown =>
    spec.meshConfig
  ),
  z.looseObject({ meshConfig: Mesh }).transform(({ meshConfig }): unknown => meshConfig),
  Mesh,
]).pipe(Mesh);

/** Addresses of `configSources`. @throws MeshError `configuration` if the file can't be read as such */
async function istioSources(file: string): Promise<readonly string[]> {
  try {
    const { configSources } = IstioFile.parse(parse(await readFile(file, "utf8")));
    return configSources.map(({ address }) => address);
  } catch (error) {
    const text = error instanceof z.ZodError ? "expected istiod's mesh configuration" : errorText(error);
    throw new MeshError("configuration", `--istio ${file}: ${text}`);
  }
}
