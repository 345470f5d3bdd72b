import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { requireReal, useServer } from "../servers/find.ts";
import { alertCases, healthy } from "./alert-cases.ts";
import { readYaml } from "./read-manifests.ts";

const Rules = z.object({
  spec: z.object({
    groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string().optional() })) })),
  }),
});
const manifest = readYaml("deploy/monitoring/prometheus-rule.yaml")[0];
const names = Rules.parse(manifest).spec.groups.flatMap(({ rules }) =>
  rules.flatMap(({ alert }) => alert ?? [])
);

/** What promtool says of files, by name, that lie in one folder. */
function promtool(command: readonly string[], files: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-rules-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  // JSON is YAML.
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), JSON.stringify(content));
  }
  const { status, stdout, stderr } = spawnSync(useServer("promtool"), command, {
    cwd: folder,
    encoding: "utf8",
  });
  return `${status}: ${stdout}${stderr}`;
}

/** The file of rules that a Prometheus without the operator takes. */
function rulesFile(): unknown {
  const { spec } = z.object({ spec: z.unknown() }).parse(manifest);
  return spec;
}

interface Expected {
  readonly at: string;
  readonly alert: string;
  readonly alerts: readonly object[];
}

/** A test of promtool: these series, and what is to fire when. */
function ruleTest(name: string, series: Readonly<Record<string, string>>, expected: readonly Expected[]) {
  return {
    name,
    interval: "1m",
    input_series: Object.entries(series).map(([each, values]) => ({ series: each, values })),
    alert_rule_test: expected.map(({ at, alert, alerts }) => ({
      eval_time: at,
      alertname: alert,
      exp_alerts: alerts,
    })),
  };
}

function runTests(tests: readonly object[]): string {
  const file = { rule_files: ["rules.json"], evaluation_interval: "1m", tests };
  return promtool(["test", "rules", "tests.json"], { "rules.json": rulesFile(), "tests.json": file });
}

test("there is a case for each alert", () => {
  expect(new Set(alertCases.map(({ alert }) => alert))).toEqual(new Set(names));
});

describe.skipIf(requireReal("promtool").skip)(
  "the alerts of deploy/monitoring, in Prometheus' own words",
  () => {
    test("the rules are in order", () => {
      const said = promtool(["check", "rules", "--lint=all", "--lint-fatal", "rules.json"], {
        "rules.json": rulesFile(),
      });
      expect(said).toMatch(/^0: [^]*SUCCESS/);
    });

    test("each alert fires for what it is there for, when it is time, and says what is wrong", () => {
      const runbook = "docs/metrics.md#alerts";
      const tests = alertCases.map(
        ({ alert, series, at, notYet, labels, severity, summary, description }) => {
          const fires = {
            exp_labels: { ...labels, severity },
            exp_annotations: { summary, description, runbook },
          };
          const before = notYet === undefined ? [] : [{ at: notYet, alert, alerts: [] }];
          return ruleTest(alert, series, [...before, { at, alert, alerts: [fires] }]);
        },
      );
      expect(runTests(tests)).toMatch(/^0: [^]*SUCCESS/);
    });

    test("none fires while all is well", () => {
      const tests = [ruleTest("healthy", healthy, names.map((alert) => ({ at: "190m", alert, alerts: [] })))];
      expect(runTests(tests)).toMatch(/^0: [^]*SUCCESS/);
    });

    test("what is expected in vain is told", () => {
      const [alert = ""] = names;
      const tests = [ruleTest("in vain", healthy, [{ at: "190m", alert, alerts: [{ exp_labels: {} }] }])];
      expect(runTests(tests)).toMatch(/^1: [^]*FAILED/);
    });
  },
);
