import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { helpText } from "../../../shared/runtime/command-line.ts";
import type { CommandLine, OptionSpec } from "../../../shared/runtime/command-line.ts";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import type { Command, CommandIo } from "../command.ts";
import { readOptions } from "../command-options.ts";
import { yamlText } from "../output/write-yaml.ts";
import { accountsConf, siteConf, siteUser } from "../../../shared/entry-log/jetstream/accounts-conf.ts";
import { registryTokens } from "../../../shared/entry-log/jetstream/account-subjects.ts";
import type { RegistryToken } from "../../../shared/entry-log/jetstream/account-subjects.ts";

const options: Readonly<Record<string, OptionSpec>> = {
  out: { type: "string", value: "DIR", help: "Folder for the files; it is made if there is none (needed)" },
  registries: {
    type: "string",
    value: "NAMES",
    help: `Registries that have collectors, separated by commas (default: ${registryTokens.join(",")})`,
  },
  sites: {
    type: "string",
    value: "NAMES",
    help: "Sites at the edge, separated by commas; each publishes the sources that have its name",
  },
  hub: {
    type: "string",
    value: "URL",
    help: "With --sites: where the hub's NATS takes leaf nodes (default: tls://hub.example:7422)",
  },
  "new-keys": { type: "boolean", help: "Replace the keys that are in the folder" },
};

const usage = "meshctl nats-accounts --out DIR [--registries NAMES] [--sites NAMES] [--hub URL] [--new-keys]";

/** Where pods find their seed; \`nats.nkeySeedFile\` names it. */
export const seedMountPath = "/etc/meshregistry-nats";

const purpose =
  `Makes keys and accounts for NATS: one account for the collectors of each registry, so that none can
write or read another registry's part of the stream. The folder becomes a component of kustomize:

- accounts.conf     the accounts, with public keys, for nats-server
- *.seed            a private key for each service; keep them out of version control
- kustomization.yaml  puts all of it into an overlay: Secrets, volumes, accounts.conf
- site-*.conf       with --sites: the configuration of each site's nats-server, with its private key

Name the folder under "components:" of your overlay, and set in its meshregistry.yaml

  nats:
    nkeySeedFile: ${seedMountPath}/seed

Keys that are in the folder stay, so a registry can be added later. --new-keys replaces them.`;

/** `meshctl nats-accounts`: keys, accounts and Secrets for NATS. */
export const natsAccountsCommand: Command = {
  name: "nats-accounts",
  summary: "Make keys and accounts for NATS, one account per registry",
  lasting: false,
  run,
};

async function run(args: readonly string[], { stdout }: CommandIo): Promise<number> {
  const line = readOptions(args, options, usage);
  if (line.flag("help")) {
    stdout(helpText(usage, purpose, options));
    return 0;
  }
  const folder = line.text("out");
  if (folder === undefined) {
    throw new MeshError("configuration", `--out is missing: name a folder for the files\nUsage: ${usage}`);
  }
  const registries = registriesOf(line);
  const sites = sitesOf(line);
  try {
    await mkdir(folder, { recursive: true });
    const keys = new Map<string, string>();
    for (const user of ["aggregator", "tap", ...registries, ...sites.map(siteUser)]) {
      keys.set(user, await keyOf(folder, user, line.flag("new-keys")));
    }
    await writeFile(join(folder, "accounts.conf"), accountsConf(registries, keys, sites));
    await writeFile(join(folder, "kustomization.yaml"), kustomizationText(registries));
    await writeFile(join(folder, ".gitignore"), "*.seed\nsite-*.conf\n");
    for (const site of sites) {
      const seed = (await readFile(join(folder, `${siteUser(site)}.seed`), "utf8")).trim();
      const hub = line.text("hub") ?? "tls://hub.example:7422";
      const conf = siteConf({ site, seed, hub, caFile: "/etc/nats/hub-ca.crt" });
      await writeFile(join(folder, `${siteUser(site)}.conf`), conf, { mode: 0o600 });
    }
  } catch (error) {
    throw new MeshError("configuration", `--out ${folder}: ${errorText(error)}`);
  }
  stdout(
    `${folder} holds the accounts of ${["the aggregator", "the tap", ...registries, ...sites].join(", ")}.

Next:
  - name ${folder} under "components:" of your overlay's kustomization.yaml
  - set nats.nkeySeedFile: ${seedMountPath}/seed in its meshregistry.yaml
  - keep the *.seed files where you keep secrets; .gitignore leaves them out${
      sites.length === 0 ? "" : siteAdvice
    }
`,
  );
  return 0;
}

function registriesOf(line: CommandLine): readonly RegistryToken[] {
  const names = line.text("registries")?.split(",").map((name) => name.trim()) ?? registryTokens;
  const found = names.map((name) => {
    const known = registryTokens.find((token) => token === name);
    if (known !== undefined) return known;
    throw new MeshError(
      "configuration",
      `--registries: there is no registry "${name}"; known are ${registryTokens.join(", ")}`,
    );
  });
  return [...new Set(found)];
}

const siteAdvice = `
  - let the hub's nats-server take leaf nodes, with TLS (docs/edge.md)
  - run each site's nats-server with its site-*.conf, which holds a private key; name the site's sources after it`;

function sitesOf(line: CommandLine): readonly string[] {
  const names = line.text("sites")?.split(",").map((name) => name.trim()) ?? [];
  for (const name of names) {
    if (/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name) && name !== "default") continue;
    throw new MeshError(
      "configuration",
      `--sites: "${name}" can't be a site's name; take lower-case letters, digits and "-", and not "default"`,
    );
  }
  return [...new Set(names)];
}

/** The public key of a user; makes a pair, or reads the one that is there. */
async function keyOf(folder: string, user: string, isNew: boolean): Promise<string> {
  const path = join(folder, `${user}.seed`);
  if (!isNew && existsSync(path)) {
    const seed = (await readFile(path, "utf8")).trim();
    try {
      const pair = nkeys.fromSeed(new TextEncoder().encode(seed));
      return pair.getPublicKey();
    } catch {
      // The cause may quote the content.
      throw new Error(`${user}.seed holds no seed of an nkey; delete it, and a new key is made`);
    }
  }
  const pair = nkeys.createUser();
  await writeFile(path, new TextDecoder().decode(pair.getSeed()), { mode: 0o600 });
  return pair.getPublicKey();
}

function kustomizationText(registries: readonly RegistryToken[]): string {
  const services = ["aggregator", ...registries];
  const secretOf = (user: string) => `meshregistry-nats-${user}`;
  return `# Made by \`meshctl nats-accounts\`: accounts for NATS, and each service's key in a Secret of its own.\n${
    yamlText({
      apiVersion: "kustomize.config.k8s.io/v1alpha1",
      kind: "Component",
      configMapGenerator: [
        { name: "meshregistry-nats-config", behavior: "merge", files: ["accounts.conf"] },
      ],
      secretGenerator: services.map((user) => ({ name: secretOf(user), files: [`seed=${user}.seed`] })),
      patches: services.map((user) => ({
        target: { kind: "Deployment", name: deploymentOf(user) },
        patch: yamlText([
          {
            op: "add",
            path: "/spec/template/spec/volumes/-",
            value: { name: "nats-key", secret: { secretName: secretOf(user) } },
          },
          {
            op: "add",
            path: "/spec/template/spec/containers/0/volumeMounts/-",
            value: { name: "nats-key", mountPath: seedMountPath, readOnly: true },
          },
        ]),
      })),
    })
  }`;
}

/** The Deployment of deploy/ that a user's key is for. */
function deploymentOf(user: string): string {
  switch (user) {
    case "aggregator":
      return user;
    case "zookeeper":
      return "zk-collector";
    case "kubernetes":
      return "k8s-collector";
    default:
      return `${user}-collector`;
  }
}
