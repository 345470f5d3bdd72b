import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openCluster } from "../../shared/kubernetes/open-cluster.ts";
import { resources } from "../../shared/kubernetes/kubernetes.ts";
import { Follower, patient, servicesOf } from "./kubernetes-suite-context.ts";
import type { SuiteContext } from "./kubernetes-suite-context.ts";

/** Credentials, rights and kinds. */
export function accessTests(suite: SuiteContext): void {
  test("is known by a client certificate", async () => {
    const namespace = await suite.namespace("access-certificate");
    await using cluster = await suite.open({ user: "certificate" });
    await using follower = await new Follower(cluster, servicesOf(namespace)).synced();
    expect(follower.colors).toEqual({});
  });

  test("trusts nobody whose certificate is from another authority", async () => {
    const kubeconfig: { clusters: [{ cluster: Record<string, unknown> }] } = JSON.parse(
      suite.server.kubeconfig("admin"),
    );
    delete kubeconfig.clusters[0].cluster["certificate-authority-data"];
    const access = { kind: "untrusted", text: JSON.stringify(kubeconfig) } as const;
    await using cluster = await openCluster(access, { name: "suite", environment: {} });
    await using follower = new Follower(cluster, { resource: resources.services });
    await follower.saw("failed");
    expect(follower.told("failed")[0]?.error).toMatchObject({
      reason: "unreachable",
      message: expect.stringContaining("isn't from the authority in the kubeconfig") as unknown,
    });
    kubeconfig.clusters[0].cluster["insecure-skip-tls-verify"] = true;
    const unchecked = { kind: "untrusted", text: JSON.stringify(kubeconfig) } as const;
    await using second = await openCluster(unchecked, { name: "suite", environment: {} });
    await using _trusting = await new Follower(second, { resource: resources.nodes }).synced();
  });

  test("tells of a token that isn't taken, and goes on once the kubeconfig has another one", async () => {
    const folder = mkdtempSync(join(tmpdir(), "meshregistry-kubeconfig-"));
    try {
      const path = join(folder, "kubeconfig");
      writeFileSync(path, suite.server.kubeconfig("stranger"));
      await using cluster = await openCluster({ kind: "file", path }, {
        name: "suite",
        maxRetryMs: 100,
        environment: {},
      });
      await using follower = new Follower(cluster, { resource: resources.nodes });
      await follower.saw("failed", 2);
      expect(follower.told("failed")[0]?.error).toMatchObject({
        reason: "unauthorized",
        code: "registry-unavailable",
      });
      expect(follower.reflector.state).toMatchObject({ isSynced: false, error: { reason: "unauthorized" } });
      writeFileSync(path, suite.server.kubeconfig("admin"));
      await follower.synced();
      expect(follower.reflector.state.error).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("tells which right is missing for one kind while the others work, and goes on once it is granted", async () => {
    const namespace = await suite.namespace("access-rights");
    await suite.server.grant("services");
    await using cluster = await suite.open({ user: "nobody" });
    await using allowed = await new Follower(cluster, { resource: resources.services }).synced();
    await using denied = new Follower(cluster, { resource: resources.endpointSlices });
    await denied.saw("failed");
    const { error } = denied.told("failed")[0] ?? {};
    expect(error?.reason).toBe("forbidden");
    expect(error?.message).toContain("endpointslices.discovery.k8s.io");
    await suite.paint(namespace, "a", "red");
    await expect.poll(() => allowed.copy.get("access-rights/a")?.color, patient).toBe("red");
    expect(allowed.told("failed")).toEqual([]);
    await suite.server.grant("endpointSlices");
    await denied.synced();
  });

  test("tells of a kind that isn't installed, and reads it once it is", async () => {
    const namespace = await suite.namespace("access-crd");
    await using cluster = await suite.open();
    const resource = resources.serviceExportsV1alpha1;
    await using follower = new Follower(cluster, { resource });
    await follower.saw("failed");
    expect(follower.told("failed")[0]?.error.reason).toBe("not-found");
    await suite.server.installServiceExports();
    await follower.synced();
    await suite.server.set("serviceExportsV1alpha1", {
      metadata: { namespace, name: "a", labels: { color: "red" } },
    });
    await follower.has({ "access-crd/a": "red" });
  });
}
