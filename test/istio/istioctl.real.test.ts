import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { validateManifest } from "../../shared/istio/mod.ts";
import type { Manifest } from "../../shared/model/manifest.ts";
import { requireReal, useServer } from "../servers/find.ts";
import { anyManifest } from "./arbitrary-manifests.ts";
import { askIstioctl } from "./run-istioctl.ts";
import { verdicts } from "./verdicts.ts";

/**
 * Rules whose warnings are ours alone. S5: istioctl thinks of entries in Kubernetes, which get an address allocated;
 * entries that come over xDS don't. C4: istioctl is the newest, and older istiods reject what it takes.
 */
const ownWarnings: ReadonlySet<string> = new Set(["S5", "C4"]);

function isInvalid(manifest: Manifest): boolean {
  return validateManifest(manifest).some(({ severity }) => severity === "error");
}

describe.skipIf(requireReal("istioctl").skip)("validateManifest() and the real istioctl agree", () => {
  test("about every manifest of the table", async () => {
    const answers = await askIstioctl(useServer("istioctl"), verdicts.map(({ manifest }) => manifest));
    for (const [index, { name, verdict, warning }] of verdicts.entries()) {
      const { invalid, warned, text } = answers[index] ?? {};
      expect.soft(invalid ? "invalid" : "valid", `${name}: ${text}`).toBe(verdict);
      if (verdict === "valid" && !ownWarnings.has(warning ?? "")) {
        expect.soft(warned, `${name}: ${text}`).toBe(warning !== undefined);
      }
    }
  });

  test("about 2,000 random manifests near the border", async () => {
    const seed = Date.now() % 2 ** 31;
    const manifests = fc.sample(anyManifest, { numRuns: 2000, seed });
    const answers = await askIstioctl(useServer("istioctl"), manifests);
    for (const [index, manifest] of manifests.entries()) {
      const { invalid, text } = answers[index] ?? {};
      const shown = `seed ${seed}, number ${index}: ${JSON.stringify(manifest)}: ${text}`;
      expect.soft(invalid, shown).toBe(isInvalid(manifest));
    }
  });
});
