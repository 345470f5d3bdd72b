import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { z } from "zod";
import { EurekaRegistry } from "../../shared/simulators/eureka/registry.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { startService } from "../end-to-end/services.ts";
import { readText, readYaml } from "./read-manifests.ts";

const Rule = z.union([
  z.strictObject({ record: z.string(), expr: z.string() }),
  z.strictObject({
    alert: z.string(),
    expr: z.string(),
    for: z.string(),
    labels: z.strictObject({ severity: z.enum(["critical", "warning"]) }),
    annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook: z.string() }),
  }),
]);
const PrometheusRule = z.strictObject({
  apiVersion: z.literal("monitoring.coreos.com/v1"),
  kind: z.literal("PrometheusRule"),
  metadata: z.strictObject({ name: z.string() }),
  spec: z.strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(Rule) })) }),
});
const GridPos = z.strictObject({ h: z.number(), w: z.number(), x: z.number(), y: z.number() });
const Panel = z.looseObject({
  id: z.number(),
  title: z.string(),
  type: z.enum(["row", "stat", "timeseries"]),
  gridPos: GridPos,
  targets: z.array(z.looseObject({ refId: z.string(), expr: z.string() })).default([]),
});
const Dashboard = z.looseObject({ uid: z.string(), title: z.string(), panels: z.array(Panel) });

const { spec } = PrometheusRule.parse(readYaml("deploy/monitoring/prometheus-rule.yaml")[0]);
const rules = spec.groups.flatMap((group) => group.rules);
const alerts = rules.filter((rule) => "alert" in rule);
const recorded = new Set(rules.flatMap((rule) => "record" in rule ? [rule.record] : []));
const dashboard = Dashboard.parse(JSON.parse(readText("deploy/monitoring/dashboard.json")));
const expressions = [
  ...rules.map(({ expr }) => expr),
  ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
];

/** A metric as a PromQL expression names it, with the labels that it is chosen by. */
interface Selector {
  readonly name: string;
  readonly labels: readonly string[];
}

/** The metrics of an expression. */
function* selectorsOf(expression: string): Generator<Selector> {
  const pattern = /\b(meshregistry_[a-z0-9_]+)(?:\{([^}]*)\})?/g;
  for (const [, name = "", matchers = ""] of expression.matchAll(pattern)) {
    const labels = [...matchers.matchAll(/(\w+)(?:=~|!=|!~|=)/g)].map(([, label = ""]) => label);
    yield { name, labels };
  }
}

test(
  "a running aggregator with a collector has every metric, with the labels by which it is chosen",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "meshregistry-metrics-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    await using server = new EurekaServer(new EurekaRegistry());
    const address = await server.listen("127.0.0.1:0");
    await using service = await startService("all-in-one", {
      eurekaSource: { enabled: true, address: [address] },
      state: { folder },
    });
    await expect.poll(() => service.isReady(), { timeout: 60_000 }).toBe(true);
    const samples = (await service.get("/metrics")).split("\n");
    for (const expression of expressions) {
      for (const { name, labels } of selectorsOf(expression)) {
        const series = samples.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
        // What has no series yet has its head: nobody has held anything of this source.
        const hasHead = samples.includes(`# TYPE ${name} gauge`) ||
          samples.includes(`# TYPE ${name} counter`);
        expect.soft(series.length > 0 || hasHead, name).toBe(true);
        // Prometheus itself adds the namespace.
        for (const label of labels.filter((each) => each !== "namespace")) {
          if (series.length === 0) continue;
          expect.soft(series.some((line) => line.includes(`${label}="`)), `${name} by ${label}`).toBe(true);
        }
      }
    }
  },
  90_000,
);

test("what rules and panels take from rules is recorded", () => {
  const used = expressions.flatMap((expression) => expression.match(/\bmeshregistry:[a-z0-9_:]+/g) ?? []);
  expect([...recorded]).toEqual(expect.arrayContaining(used));
});

test("each alert has a line in docs/metrics.md, and none is documented that there isn't", () => {
  const [, section = ""] = /## Alerts\n([^]*?)\n## /.exec(readText("docs/metrics.md")) ?? [];
  const documented = [...section.matchAll(/^\| `(Meshregistry\w+)`/gm)].map(([, name]) => name);
  expect(documented).toHaveLength(alerts.length);
  expect(new Set(documented)).toEqual(new Set(alerts.map(({ alert }) => alert)));
});

test("panels have numbers of their own, and don't overlap", () => {
  const { panels } = dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
    Array.from({ length: h * w }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`)
  );
  expect(new Set(cells).size).toBe(cells.length);
});

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;
test.skipIf(!hasPromtool)(
  "promtool finds nothing wrong, and the objective's alerts tell late from in time",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "meshregistry-rules-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, "rules.yaml"), stringify(spec));
    const series = (name: string, values: string) => ({ series: `meshregistry_${name}`, values });
    const scenario = (late: number, expected: readonly string[]) => ({
      interval: "1m",
      input_series: [
        series('change_to_ack_seconds_bucket{le="1"}', `0+${100 - late}x90`),
        series("change_to_ack_seconds_count", "0+100x90"),
        series('xds_nacks_total{type_url="networking.istio.io/v1/ServiceEntry"}', "0x90"),
      ],
      alert_rule_test: ["Fast", "Steady"].map((speed) => ({
        eval_time: "85m",
        alertname: `MeshregistryChangesLate${speed}`,
        exp_alerts: expected.includes(speed)
          ? [{ exp_labels: { severity: "critical" }, exp_annotations: annotationsOf(speed, late) }]
          : [],
      })),
    });
    const annotationsOf = (speed: string, late: number) => {
      const found = alerts.find(({ alert }) => alert === `MeshregistryChangesLate${speed}`);
      const { annotations } = found ?? { annotations: undefined };
      const description = annotations?.description.replace("{{ $value | humanizePercentage }}", `${late}%`);
      return { ...annotations, description };
    };
    const tests = [scenario(0, []), scenario(10, ["Steady"]), scenario(50, ["Fast", "Steady"])];
    writeFileSync(
      join(folder, "test.yaml"),
      stringify({ rule_files: ["rules.yaml"], evaluation_interval: "1m", tests }, {
        aliasDuplicateObjects: false,
      }),
    );
    const { stdout, stderr, status } = spawnSync("promtool", ["test", "rules", "test.yaml"], {
      cwd: folder,
      encoding: "utf8",
      timeout: 30_000,
    });
    expect(`${stdout}${stderr}`).toContain("SUCCESS");
    expect(status).toBe(0);
  },
);
