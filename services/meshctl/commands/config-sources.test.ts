import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { selfSignedCertificate } from "../../../test/servers/certificate.ts";
import { run } from "../meshctl-rig.ts";

const kubernetes = { address: "k8s://" };

async function sources(...args: readonly string[]): Promise<unknown> {
  const { code, out } = await run("config-sources", ...args);
  expect(code).toBe(0);
  return parse(out);
}

async function file(name: string, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "meshctl-"));
  onTestFinished(async () => await rm(folder, { recursive: true }));
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

describe("meshctl config-sources", () => {
  test("one source without shards, and never without Kubernetes", async () => {
    expect(await sources()).toEqual({
      meshConfig: { configSources: [{ address: "xds://meshregistry.istio-system.svc:16010" }, kubernetes] },
    });
  });

  test("one source for each shard, on the ports of the configuration", async () => {
    const config = await file(
      "meshregistry.yaml",
      "mcp:\n  serverUrl: xds://0.0.0.0:17000\nxds:\n  shards: 3\n",
    );
    const addresses = [17000, 17001, 17002].map((port) => ({ address: `xds://mesh.example:${port}` }));
    expect(await sources("--config", config, "--service", "mesh.example")).toEqual({
      meshConfig: { configSources: [...addresses, kubernetes] },
    });
    expect(await sources("--config", config, "--shards", "1", "--service", "mesh.example")).toEqual({
      meshConfig: { configSources: [addresses[0], kubernetes] },
    });
  });

  test("TLS as istiod takes it: the CA itself, and no other mode than SIMPLE", async () => {
    const { cert: pem, key } = selfSignedCertificate();
    const ca = await file("ca.crt", pem);
    const host = "meshregistry.istio-system.svc";
    expect(await sources("--ca", ca)).toEqual({
      meshConfig: {
        configSources: [
          {
            address: `xds://${host}:16010`,
            tlsSettings: { mode: "SIMPLE", caCertificates: pem, sni: host, subjectAltNames: [host] },
          },
          kubernetes,
        ],
      },
    });
    const withKey = await run("config-sources", "--ca", await file("both.pem", pem + key));
    expect(withKey).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringContaining("there is a private key in it"),
    });
  });

  test("says that a CA is missing when the aggregator has TLS", async () => {
    const config = await file("c.yaml", "xds:\n  tls:\n    certFile: /a\n    keyFile: /b\n");
    const { code, err } = await run("config-sources", "--config", config);
    expect({ code, err }).toEqual({
      code: 0,
      err: "warning: the aggregator has xds.tls, so istiod needs --ca FILE\n",
    });
  });

  test.each([
    [["--shards", "0"], /--shards 0: expected a number from 1 to 256/],
    [["--shards", "x"], /--shards x: expected/],
    [["--ca", "/no/such/file"], /--ca \/no\/such\/file: .*ENOENT/],
    [["--ca", import.meta.filename], /--ca .*: there is no certificate in it \(PEM\)/],
    [
      ["--service", "mesh.example:16010"],
      /--service mesh.example:16010: expected a host .*; the port comes from/,
    ],
    [["--service", "xds://mesh.example"], /--service xds:\/\/mesh.example: expected a host/],
    [["--service", "mesh_registry.example"], /expected a host/],
    [["--service", ""], /expected a host/],
  ])("%j is a mistake", async (args, message) => {
    const { code, err } = await run("config-sources", ...args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});
