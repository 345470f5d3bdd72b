import { helpText, parseCommandLine } from "../../shared/runtime/command-line.ts";
import type { OptionSpec } from "../../shared/runtime/command-line.ts";
import { errorText, isMeshError, MeshError } from "../../shared/runtime/errors.ts";
import { maskUrls } from "../../shared/runtime/mask.ts";
import { serveHttp } from "../../shared/runtime/http-server.ts";
import { operationsApp } from "../../shared/runtime/operations-app.ts";
import { runService } from "../../shared/runtime/run-service.ts";
import { createMetrics } from "../../shared/runtime/service-options.ts";
import { demoKinds, demoNamed, demoNames, startDemo } from "../../shared/simulators/demo/start-demo.ts";
import type { DemoName } from "../../shared/simulators/demo/start-demo.ts";

const options: Readonly<Record<string, OptionSpec>> = {
  only: {
    type: "string",
    value: "NAMES",
    help: `Start only these, separated by commas (default: ${demoNames.join(",")})`,
  },
  host: { type: "string", value: "HOST", help: "Where the registries listen (default 127.0.0.1)" },
  http: { type: "string", value: "HOST:PORT", help: "Probes (default 127.0.0.1:8089)" },
};

const usage = "demo-registries [--only NAMES] [--host HOST] [--http HOST:PORT]";

const purpose =
  `Simulated registries on their usual ports, each with the services of a small shop, which come,
scale and go: ${demoNames.map((name) => `${demoKinds[name].title} on ${demoKinds[name].port}`).join(", ")}.

For trying meshregistry's collectors where there are no registries. They keep nothing: a restart begins anew.`;

/** Runs the registries of the demo. Returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const line = parseCommandLine(args, options, `Usage: ${usage}`);
    if (line.flag("help")) {
      process.stdout.write(helpText(usage, purpose, options));
      return 0;
    }
    const names = chosenDemos(line.text("only"));
    return await run(names, line.text("host") ?? "127.0.0.1", line.text("http") ?? "127.0.0.1:8089");
  } catch (error) {
    if (!isMeshError(error, "configuration")) throw error;
    process.stderr.write(`${maskUrls(errorText(error))}\n`);
    return 2;
  }
}

/** The demos of `--only`, or all of them. @throws MeshError `configuration` for a name that is none. */
function chosenDemos(only: string | undefined): readonly DemoName[] {
  if (only === undefined) return demoNames;
  const names = only.split(",").map((name) => name.trim()).filter((name) => name !== "");
  if (names.length === 0) {
    throw new MeshError("configuration", `--only names no registry: it takes ${demoNames.join(", ")}`);
  }
  return names.map((name) => demoNamed(name, "--only"));
}

function run(names: readonly DemoName[], host: string, httpAddress: string): Promise<number> {
  return runService("demo-registries", async (context) => {
    const { log } = context;
    for (const name of names) {
      const { title, port } = demoKinds[name];
      const { address } = await startDemo(name, context, `${host}:${port}`);
      log.info({ address }, `${title} of the demo listens`);
    }
    const app = operationsApp({
      notReady: () => undefined,
      metrics: createMetrics(),
      tokens: { token: "", operatorToken: "" },
      log,
    });
    const http = context.use(await serveHttp(app, httpAddress, "--http"));
    log.info({ http: http.url }, "listening");
  });
}
