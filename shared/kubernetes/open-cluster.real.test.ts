import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { requireReal } from "../../test/servers/find.ts";
import { startKubeApiServer } from "../../test/servers/kube-apiserver.ts";
import { getWithToken } from "../../test/simulators/kubernetes-suite-context.ts";
import type { KubeApiServer } from "../../test/servers/kube-apiserver.ts";
import { resources } from "./kubernetes.ts";
import type { ClusterAccess, ReflectorEvent } from "./kubernetes.ts";
import { openCluster } from "./open-cluster.ts";

const patient = { timeout: 60_000, interval: 20 };

/** Follows Services; keeps their label `color`. */
async function follow(access: ClusterAccess, name = "east") {
  const cluster = await openCluster(access, { name, maxRetryMs: 200, environment: {} });
  const events: ReflectorEvent<string>[] = [];
  const labels = z.object({ metadata: z.object({ labels: z.record(z.string(), z.string()).default({}) }) });
  const reflector = cluster.reflect({ resource: resources.services, labelSelector: "color" }, {
    trim: ({ json }) => labels.parse(json).metadata.labels["color"],
    onEvent: (event) => events.push(event),
  });
  return {
    cluster,
    reflector,
    events,
    colors: () => Object.fromEntries(reflector.objects),
    failures: () => events.flatMap((event) => (event.type === "failed" ? [event.error.reason] : [])),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

const admin = (server: KubeApiServer): ClusterAccess => ({
  kind: "untrusted",
  text: server.kubeconfig("admin"),
});

async function paint(server: KubeApiServer, name: string, color: string): Promise<void> {
  await server.set("services", {
    metadata: { namespace: "default", name, labels: { color } },
    spec: { ports: [{ port: 80 }], selector: { app: name } },
  });
}

const token = z.object({ status: z.object({ token: z.string() }) });
const withUid = z.object({ metadata: z.object({ uid: z.string() }) });

/** A service account that may read Services, and a way to get tokens for it that end with a Secret. */
async function serviceAccount(server: KubeApiServer) {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const core = "/api/v1/namespaces/default";
  await server.expect("POST", `${core}/serviceaccounts`, { metadata: { name: "reader" } });
  await server.expect("POST", `${rbac}/clusterroles`, {
    metadata: { name: "reader" },
    rules: [{ apiGroups: [""], resources: ["services"], verbs: ["list", "watch"] }],
  });
  await server.expect("POST", `${rbac}/clusterrolebindings`, {
    metadata: { name: "reader" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "reader" },
    subjects: [{ kind: "ServiceAccount", namespace: "default", name: "reader" }],
  });
  return {
    issue: async (secret: string): Promise<string> => {
      const made = await server.expect("POST", `${core}/secrets`, { metadata: { name: secret } });
      const { uid } = withUid.parse(JSON.parse(made)).metadata;
      const boundObjectRef = { apiVersion: "v1", kind: "Secret", name: secret, uid };
      const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { boundObjectRef } };
      const path = `${core}/serviceaccounts/reader/token`;
      return token.parse(JSON.parse(await server.expect("POST", path, body))).status.token;
    },
    revoke: (secret: string) => server.delete("secrets", { namespace: "default", name: secret }),
  };
}

describe.skipIf(requireReal("kube-apiserver").skip)("A real API server", () => {
  test("that is killed and started again while everything changes: nothing is lost in between or after", async () => {
    await using server = await startKubeApiServer();
    for (let index = 0; index < 20; index++) await paint(server, `s${index}`, "red");
    await using rig = await follow(admin(server));
    await rig.reflector.synced(AbortSignal.timeout(60_000));
    expect(rig.reflector.objects.size).toBe(20);
    for (let round = 0; round < 2; round++) {
      await server.kill();
      await expect.poll(() => rig.reflector.state.error?.reason, patient).toBe("unreachable");
      expect(rig.reflector.objects.size).toBe(20);
      await server.restart();
      await paint(server, "s3", `round-${round}`);
      await expect.poll(() => rig.colors()["default/s3"], patient).toBe(`round-${round}`);
    }
    expect(rig.reflector.objects.size).toBe(20);
    const lost = rig.events.flatMap((event) => (event.type === "read-ended" ? [...event.lost.keys()] : []));
    expect([lost, rig.events.filter(({ type }) => type === "deleted")]).toEqual([[], []]);
    // A server that fills its caches asks to be asked later, or doesn't know the version that was reached.
    const others = rig.failures().filter((reason) => reason !== "throttled" && reason !== "gone");
    expect(new Set(others)).toEqual(new Set(["unreachable"]));
  });

  test("lets a watch go on whose token was revoked; that is noticed at the next request, and a new token helps", async () => {
    await using server = await startKubeApiServer();
    const account = await serviceAccount(server);
    const folder = mkdtempSync(join(tmpdir(), "meshregistry-token-"));
    try {
      // As in a pod: a file that the kubelet replaces.
      const tokenFile = join(folder, "token");
      const first = await account.issue("first");
      writeFileSync(tokenFile, first);
      writeFileSync(join(folder, "ca.crt"), server.ca);
      const path = join(folder, "kubeconfig");
      writeFileSync(
        path,
        JSON.stringify({
          "current-context": "c",
          clusters: [{ name: "c", cluster: { server: server.url, "certificate-authority": "ca.crt" } }],
          users: [{ name: "u", user: { tokenFile: "token" } }],
          contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
        }),
      );
      await using rig = await follow({ kind: "file", path });
      await rig.reflector.synced(AbortSignal.timeout(60_000));
      await account.revoke("first");
      // Servers remember for some seconds that they took a token.
      const status = async () =>
        (await getWithToken(`${server.url}/api/v1/services`, server.ca, first)).status;
      await expect.poll(status, patient).toBe(401);
      await paint(server, "a", "red");
      await expect.poll(rig.colors, patient).toEqual({ "default/a": "red" });
      expect(rig.failures()).toEqual([]);
      rig.reflector.readAgain();
      await expect.poll(rig.failures, patient).toContain("unauthorized");
      expect(rig.reflector.state).toMatchObject({ isSynced: true, error: { reason: "unauthorized" } });
      expect(rig.colors()).toEqual({ "default/a": "red" });
      writeFileSync(tokenFile, await account.issue("second"));
      await expect.poll(() => rig.reflector.state, patient).toMatchObject({ error: undefined, reads: 2 });
      await paint(server, "b", "blue");
      await expect.poll(rig.colors, patient).toEqual({ "default/a": "red", "default/b": "blue" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("tells of a namespace that is deleted with a thousand Services one by one: evidence for each", async () => {
    await using server = await startKubeApiServer({ controllers: true });
    await server.set("namespaces", { metadata: { name: "doomed" } });
    const names = Array.from({ length: 1_000 }, (_, index) => `s${index}`);
    const create = async (own: readonly string[]) => {
      for (const name of own) {
        await server.set("services", {
          metadata: { namespace: "doomed", name, labels: { color: "red" } },
          // Without an address: the server has some thousands only.
          spec: { clusterIP: "None", ports: [{ port: 80 }] },
        });
      }
    };
    await Promise.all([0, 1, 2, 3].map((part) => create(names.filter((_, index) => index % 4 === part))));
    await paint(server, "kept", "blue");
    await using rig = await follow(admin(server));
    await rig.reflector.synced(AbortSignal.timeout(60_000));
    expect(rig.reflector.objects.size).toBe(1_001);
    await server.expect("DELETE", "/api/v1/namespaces/doomed");
    await expect.poll(rig.colors, { ...patient, timeout: 120_000 }).toEqual({ "default/kept": "blue" });
    expect(rig.events.filter(({ type }) => type === "deleted")).toHaveLength(1_000);
    expect(rig.reflector.state.reads).toBe(1);
  });

  test("is one of two, and the other one goes on when it is gone", async () => {
    await using east = await startKubeApiServer();
    await using west = await startKubeApiServer();
    await using eastRig = await follow(admin(east), "east");
    await using westRig = await follow(admin(west), "west");
    for (const rig of [eastRig, westRig]) await rig.reflector.synced(AbortSignal.timeout(60_000));
    await paint(east, "a", "red");
    await paint(west, "a", "blue");
    await expect.poll(() => [eastRig.colors(), westRig.colors()], patient).toEqual([
      { "default/a": "red" },
      { "default/a": "blue" },
    ]);
    await east.kill();
    await expect.poll(eastRig.failures, patient).toContain("unreachable");
    await paint(west, "a", "green");
    await expect.poll(westRig.colors, patient).toEqual({ "default/a": "green" });
    expect([westRig.failures(), eastRig.colors()]).toEqual([[], { "default/a": "red" }]);
  });
});
