import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { expect, onTestFinished, test } from "vitest";
import { run as meshctl } from "../meshctl-rig.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "meshregistry-accounts-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const seedOf = (path: string) => readFileSync(path, "utf8");

test("nats-accounts makes a key for each service, and accounts with the public ones", async () => {
  const out = join(folder(), "made");
  const { code, out: stdout, err: stderr } = await meshctl(
    "nats-accounts",
    "--out",
    out,
    "--registries",
    "eureka, nacos",
  );
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("nats.nkeySeedFile: /etc/meshregistry-nats/seed");
  const seeds = readdirSync(out).filter((name) => name.endsWith(".seed"));
  expect(seeds.sort()).toEqual(["aggregator.seed", "eureka.seed", "nacos.seed", "tap.seed"]);
  const conf = readFileSync(join(out, "accounts.conf"), "utf8");
  for (const name of seeds) {
    const pair = nkeys.fromSeed(new TextEncoder().encode(seedOf(join(out, name))));
    expect(conf).toContain(`nkey: ${pair.getPublicKey()}`);
    expect(conf).not.toContain(seedOf(join(out, name)));
    expect(statSync(join(out, name)).mode & 0o077).toBe(0);
  }
  expect(stdout).not.toMatch(/\bSU[A-Z0-9]{20}/);
  expect(readFileSync(join(out, ".gitignore"), "utf8")).toBe("*.seed\nsite-*.conf\n");
});

test("keys that are there stay when a registry is added, and go with --new-keys", async () => {
  const out = folder();
  await meshctl("nats-accounts", "--out", out, "--registries", "eureka");
  const before = seedOf(join(out, "eureka.seed"));
  await meshctl("nats-accounts", "--out", out);
  expect(seedOf(join(out, "eureka.seed"))).toBe(before);
  expect(readFileSync(join(out, "accounts.conf"), "utf8")).toMatch(/^ {2}KUBERNETES \{$/m);
  await meshctl("nats-accounts", "--out", out, "--new-keys");
  expect(seedOf(join(out, "eureka.seed"))).not.toBe(before);
});

test("what can't be used is named, without the key", async () => {
  const out = folder();
  writeFileSync(join(out, "tap.seed"), "SUSECRET");
  expect(await meshctl("nats-accounts", "--out", out)).toMatchObject({
    code: 2,
    err: expect.stringContaining("tap.seed holds no seed of an nkey; delete it"),
  });
  expect((await meshctl("nats-accounts", "--out", out)).err).not.toContain("SUSECRET");
  expect(await meshctl("nats-accounts")).toMatchObject({
    code: 2,
    err: expect.stringContaining("--out is missing"),
  });
  expect(await meshctl("nats-accounts", "--out", out, "--registries", "eurika")).toMatchObject({
    code: 2,
    err: expect.stringContaining('there is no registry "eurika"'),
  });
});

test("--sites makes an account for each site, and the configuration of its nats-server", async () => {
  const out = folder();
  const { code } = await meshctl(
    "nats-accounts",
    "--out",
    out,
    "--sites",
    "paris, lyon-2",
    "--hub",
    "tls://nats.example:7422",
  );
  expect(code).toBe(0);
  const conf = readFileSync(join(out, "accounts.conf"), "utf8");
  expect(conf).toMatch(/^ {2}SITE_PARIS \{$/m);
  expect(conf).toContain('{ service: "mesh.entries.*.*.lyon-2.>", accounts: [ SITE_LYON-2 ] }');
  const path = join(out, "site-paris.conf");
  const seed = readFileSync(join(out, "site-paris.seed"), "utf8");
  expect(readFileSync(path, "utf8")).toContain(`nkey: ${seed}`);
  expect(readFileSync(path, "utf8")).toContain('urls: [ "tls://nats.example:7422" ]');
  expect(statSync(path).mode & 0o077).toBe(0);
  expect(readFileSync(join(out, ".gitignore"), "utf8")).toContain("site-*.conf");
  // Another site later: the first one's key stays.
  await meshctl("nats-accounts", "--out", out, "--sites", "paris,nice");
  expect(readFileSync(join(out, "site-paris.seed"), "utf8")).toBe(seed);
  for (const name of ["default", "Paris", "a.b", "a_b", ""]) {
    expect(await meshctl("nats-accounts", "--out", out, "--sites", name)).toMatchObject({
      code: 2,
      err: expect.stringContaining(`--sites: "${name}" can't be a site's name`),
    });
  }
});
