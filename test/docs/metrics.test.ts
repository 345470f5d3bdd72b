import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isTest, sourcesIn } from "../check-imports.ts";

const root = join(import.meta.dirname, "..", "..");

test("docs/metrics.md has every metric that the services have, and no other", () => {
  const page = readFileSync(join(root, "docs", "metrics.md"), "utf8");
  const documented = new Set([...page.matchAll(/^\| `(meshregistry_[a-z_]+)`/gm)].map(([, name]) => name));
  const named = ["services", "shared"].flatMap((folder) => sourcesIn(root, folder)).filter((file) =>
    !isTest(file)
  )
    .flatMap((file) => [...readFileSync(join(root, file), "utf8").matchAll(/"(meshregistry_[a-z_]+)"/g)]);
  expect(documented).toEqual(new Set(named.map(([, name]) => name)));
});

test("alerts name metrics that there are", () => {
  const page = readFileSync(join(root, "docs", "metrics.md"), "utf8");
  const [, alerts = ""] = /## Alerts\n([^]*?)\n## /.exec(page) ?? [];
  const rows = new Set([...page.matchAll(/^\| `(meshregistry_[a-z_]+)`/gm)].map(([, name]) => name));
  for (const [name] of alerts.matchAll(/meshregistry_[a-z_]+/g)) expect.soft(rows).toContain(name);
});
