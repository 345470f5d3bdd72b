import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { ClusterAccess } from "../kubernetes.ts";
import { openAccess } from "./open-access.ts";

const folder = mkdtempSync(join(tmpdir(), "meshregistry-access-"));
afterAll(() => rmSync(folder, { recursive: true }));

const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const pemBase64 = Buffer.from(pem).toString("base64");

/** A kubeconfig of one context. */
function kubeconfig(
  user: Readonly<Record<string, unknown>>,
  cluster: Readonly<Record<string, unknown>> = {},
): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "main",
    clusters: [{ name: "c", cluster: { server: "https://10.0.0.1:6443", ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "main", context: { cluster: "c", user: "u" } }],
  });
}

const open = (access: ClusterAccess) => openAccess(access, "east", { environment: {} });
const untrusted = (text: string) => open({ kind: "untrusted", text });
const trusted = (text: string, context?: string) =>
  open({ kind: "text", text, ...(context !== undefined && { context }) });

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe("a kubeconfig", () => {
  test("gives address, authority and token", async () => {
    const source = await untrusted(kubeconfig({ token: "t" }, { "certificate-authority-data": pemBase64 }));
    expect(source.server.href).toBe("https://10.0.0.1:6443/");
    expect(await source.credentials()).toEqual({ tls: { ca: pem }, headers: { Authorization: "Bearer t" } });
  });

  test("gives client certificates, names for TLS, impersonation, and passwords", async () => {
    const user = {
      "client-certificate-data": pemBase64,
      "client-key-data": pemBase64,
      username: "ü",
      password: "p:w",
      as: "other",
      "as-groups": ["a", "b"],
      "as-uid": "7",
    };
    const source = await untrusted(
      kubeconfig(user, { "tls-server-name": "kube", "insecure-skip-tls-verify": true }),
    );
    expect(await source.credentials()).toEqual({
      tls: { cert: pem, key: pem, servername: "kube", rejectUnauthorized: false },
      headers: {
        Authorization: `Basic ${Buffer.from("ü:p:w").toString("base64")}`,
        "Impersonate-User": "other",
        "Impersonate-Uid": "7",
        "Impersonate-Group": ["a", "b"],
      },
    });
  });

  test("gives the proxy that it names", async () => {
    const source = await untrusted(kubeconfig({ token: "t" }, { "proxy-url": "http://proxy:3128" }));
    expect(source.proxy?.href).toBe("http://proxy:3128/");
  });

  test("is read with the context that was asked for", async () => {
    const text = stringify({
      "current-context": "a",
      clusters: [
        { name: "one", cluster: { server: "https://one" } },
        { name: "two", cluster: { server: "https://two" } },
      ],
      users: [{ name: "u", user: null }],
      contexts: [
        { name: "a", context: { cluster: "one", user: "u" } },
        { name: "b", context: { cluster: "two" } },
      ],
    });
    expect((await trusted(text)).server.host).toBe("one");
    expect((await trusted(text, "b")).server.host).toBe("two");
    await expect(trusted(text, "c")).rejects.toThrow('there is no context "c"; contexts: a, b');
  });

  test("reads files anew for each request, relative ones from its own folder", async () => {
    file("ca.crt", "CA 1");
    file("token", "one\n");
    const path = file(
      "kubeconfig",
      kubeconfig({ tokenFile: "token", token: "unused" }, {
        "certificate-authority": "ca.crt",
      }),
    );
    const source = await open({ kind: "file", path });
    expect(await source.credentials()).toEqual({
      tls: { ca: "CA 1" },
      headers: { Authorization: "Bearer one" },
    });
    file("token", "two");
    file("ca.crt", "CA 2");
    expect(await source.credentials()).toEqual({
      tls: { ca: "CA 2" },
      headers: { Authorization: "Bearer two" },
    });
    rmSync(join(folder, "token"));
    await expect(source.credentials()).rejects.toThrow(/users\[0\]\.user\.tokenFile can't be read: ENOENT/);
  });

  test("is read again after the server refused what was in it", async () => {
    const path = file("rotated", kubeconfig({ token: "old" }));
    const source = await open({ kind: "file", path });
    file("rotated", kubeconfig({ token: "new" }));
    expect((await source.credentials()).headers).toEqual({ Authorization: "Bearer old" });
    source.refused();
    expect((await source.credentials()).headers).toEqual({ Authorization: "Bearer new" });
    file("rotated", "{");
    source.refused();
    await expect(source.credentials()).rejects.toMatchObject({ code: "registry-unavailable" });
    file("rotated", kubeconfig({ token: "newer" }));
    expect((await source.credentials()).headers).toEqual({ Authorization: "Bearer newer" });
    file("rotated", kubeconfig({ token: "other" }, { server: "https://elsewhere" }));
    source.refused();
    await expect(source.credentials()).rejects.toThrow(
      "names another server now (elsewhere); restart to use it",
    );
  });

  test.each([
    ["", /is no kubeconfig/],
    ["garbage", /is no kubeconfig/],
    ["a: [", /is no YAML: /],
    ["current-context: ''", /current-context is empty/],
    ["clusters: 5", /clusters: .*expected array/],
    [kubeconfig({ token: 5 }), /users\[0\]\.user\.token: .*expected string/],
    [kubeconfig({}, { server: "10.0.0.1" }), /server of the cluster "c" is no URL that begins with https/],
    [kubeconfig({}, { server: "ftp://10.0.0.1" }), /server of the cluster "c"/],
    [
      kubeconfig({}, { "proxy-url": "socks5://p" }),
      /proxy-url of the cluster "c" is no URL that begins with http/,
    ],
    [kubeconfig({ "client-key-data": "!" }), /users\[0\]\.user\.client-key-data is no Base64 of a PEM text/],
    [kubeconfig({ "client-key": "relative" }), /users\[0\]\.user\.client-key is a relative path/],
    [kubeconfig({}).replace("cluster: c", "cluster: d"), /contexts\[0\]\.context\.cluster names "d"/],
    [kubeconfig({}).replace("user: u", "user: v"), /contexts\[0\]\.context\.user names "v"/],
  ])("is refused with the key at fault: %j", async (text, message) => {
    await expect(trusted(text)).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringMatching(message) as unknown,
    });
  });

  test("shows no secret in the message about it", async () => {
    const broken = [
      kubeconfig({ token: "s3cret" }).replace("token: s3cret", "token: [s3cret"),
      kubeconfig({ "client-key-data": "s3cret" }),
      kubeconfig({ token: ["s3cret"] }),
      kubeconfig({ "auth-provider": { name: "s3cret" } }),
      kubeconfig({}, { server: "s3cret" }),
    ];
    for (const text of broken) {
      await expect(untrusted(text)).rejects.not.toThrow("s3cret");
      await expect(untrusted(text)).rejects.toMatchObject({ code: "invalid-record" });
    }
  });

  test("may be a bomb of aliases", async () => {
    const levels = Array.from({ length: 12 }, (_, i) => {
      const inner = i === 0 ? '"x"' : Array.from({ length: 12 }, () => `*a${i - 1}`).join(",");
      return `a${i}: &a${i} [${inner}]`;
    });
    await expect(untrusted(levels.join("\n"))).rejects.toThrow(/is no YAML: .*alias/i);
  });
});

describe("a kubeconfig that somebody else wrote", () => {
  test.each([
    ["users[0].user.exec", kubeconfig({ exec: { command: "sh" } })],
    ["users[0].user.auth-provider", kubeconfig({ "auth-provider": { name: "oidc" } })],
    [
      "users[0].user.tokenFile",
      kubeconfig({ tokenFile: "/var/run/secrets/kubernetes.io/serviceaccount/token" }),
    ],
    ["users[0].user.client-certificate", kubeconfig({ "client-certificate": "/etc/ssl/c.pem" })],
    ["users[0].user.client-key", kubeconfig({ "client-key": "/etc/ssl/k.pem" })],
    ["clusters[0].cluster.certificate-authority", kubeconfig({}, { "certificate-authority": "/etc/passwd" })],
    ["clusters[0].cluster.server", kubeconfig({ token: "t" }, { server: "http://10.0.0.1" })],
    [
      "users[1].user.exec",
      kubeconfig({ token: "t" }).replace(
        "contexts:",
        "  - name: unused\n    user: { exec: { command: sh } }\ncontexts:",
      ),
    ],
  ])("is refused because of %s", async (key, text) => {
    await expect(untrusted(text)).rejects.toMatchObject({
      code: "invalid-record",
      message: expect.stringContaining(
        `the kubeconfig of cluster east is refused because of ${key}: `,
      ) as unknown,
    });
  });

  test("may name none of that without a value", async () => {
    const user = { token: "t", exec: null, "auth-provider": null, tokenFile: "", "client-key": null };
    const source = await untrusted(kubeconfig(user, { "certificate-authority": "" }));
    expect(await source.credentials()).toEqual({ tls: {}, headers: { Authorization: "Bearer t" } });
  });
});

// Loading the library that runs plugins takes its time on a busy machine.
describe("an exec plugin of the user's own kubeconfig", { timeout: 60_000 }, () => {
  test("is run beside the kubeconfig, kept until it expires, and run again after a refusal", async () => {
    const plugin = file(
      "plugin",
      `#!/bin/sh
echo x >> ${folder}/runs
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"run-%s","expirationTimestamp":"2999-01-01T00:00:00Z"}}' "$(wc -l < ${folder}/runs | tr -d ' ')"
`,
    );
    chmodSync(plugin, 0o755);
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "./plugin",
      interactiveMode: "Never",
    };
    const path = file("with-plugin", kubeconfig({ exec }, { "certificate-authority-data": pemBase64 }));
    const source = await open({ kind: "file", path });
    const once = { tls: { ca: pem }, headers: { Authorization: "Bearer run-1" } };
    expect(await source.credentials()).toEqual(once);
    expect(await source.credentials()).toEqual(once);
    source.refused();
    expect((await source.credentials()).headers).toEqual({ Authorization: "Bearer run-2" });
  });

  test("that fails is named", async () => {
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: join(folder, "missing") };
    const source = await trusted(kubeconfig({ exec }));
    await expect(source.credentials()).rejects.toMatchObject({
      code: "registry-unavailable",
      message: expect.stringMatching(/users\[0\]\.user\.exec failed: .*missing/) as unknown,
    });
  });
});

describe("the service account of our pod", () => {
  test("gives address, authority and a token that is read for each request", async () => {
    file("ca.crt", "CA");
    file("token", "one");
    const environment = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
    const source = await openAccess({ kind: "in-cluster" }, "east", {
      environment,
      serviceAccountFolder: folder,
    });
    expect(source.server.href).toBe("https://[fd00::1]/");
    expect(await source.credentials()).toEqual({
      tls: { ca: "CA" },
      headers: { Authorization: "Bearer one" },
    });
    file("token", "two");
    expect((await source.credentials()).headers).toEqual({ Authorization: "Bearer two" });
  });

  test("isn't there outside of a cluster", async () => {
    await expect(open({ kind: "in-cluster" })).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining("KUBERNETES_SERVICE_HOST") as unknown,
    });
  });

  test("says that a pod has no token, and what to do", async () => {
    const environment = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" };
    const surroundings = { environment, serviceAccountFolder: `${folder}/none` };
    await expect(openAccess({ kind: "in-cluster" }, "east", surroundings)).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringMatching(
        /^our pod has no token of its service account: .*none\/token.*; set automountServiceAccountToken to true/,
      ) as unknown,
    });
  });
});
