import {
  aggregatorSubjects,
  ownSiteSubjects,
  ownSubjects,
  sharedSubjects,
  siteSubjects,
} from "./account-subjects.ts";
import type { RegistryToken } from "./account-subjects.ts";

/** A user's public key (`U…`), by the user's name: `aggregator`, `tap`, a registry's, or {@link siteUser}. */
export type PublicKeys = ReadonlyMap<string, string>;

/**
 * The accounts of a nats-server: one in which the streams live, with the aggregator and the tap, and one for each
 * registry's collectors. A collector can then write and follow the subjects of its registry and nothing else.
 *
 * Publish permissions alone would not do, in one account: whoever may ask JetStream anything can name a subject of the
 * stream as the place of the answer, and the server then stores its answer there. Between accounts a reply only reaches
 * the client that asked.
 *
 * @param registries those that have collectors
 * @param keys of `aggregator`, `tap`, each registry and each site @throws Error if one is missing
 * @param sites sites at the edge, by the names of their sources; one account each, for their leaf nodes
 */
export function accountsConf(
  registries: readonly RegistryToken[],
  keys: PublicKeys,
  sites: readonly string[] = [],
): string {
  const key = (user: string): string => {
    const found = keys.get(user);
    if (found === undefined) throw new Error(`there is no key for ${user}`);
    return found;
  };
  return `# Made by \`meshctl nats-accounts\`. One account per registry: a collector writes the subjects of its own registry and
# nothing else. Seeds of these public keys are in the files beside this one.

accounts {
  # Where the streams live.
  MESH {
    jetstream: enabled
    users: [
      # The aggregator creates the streams when there are none. It reads entries and leases, keeps the virtual addresses,
      # and asks collectors to release what they hold, which it writes down. To retire a source it would have to write "mesh.entries.>", too.
      {
        nkey: ${key("aggregator")}
        permissions: {
          publish: { allow: [
${lines(12, aggregatorSubjects())}
          ] }
          subscribe: { allow: [ "_INBOX.>" ] }
        }
      }
      # People with \`nats sub 'mesh.entries.>'\`: they see changes, and publish nothing.
      {
        nkey: ${key("tap")}
        permissions: {
          publish: { deny: ">" }
          subscribe: { allow: [ "mesh.entries.>", "mesh.facts.>" ] }
        }
      }
    ]
    exports: [
${registries.map((registry) => exported(ownSubjects(registry), accountOf(registry))).join("\n")}
      # What all collectors ask. A collector reads back what it has published, and pulls what is new: many messages for one
      # request. Names of consumers are random and nobody may list them, so it gets and deletes its own only.
${sharedExports(sharedSubjects, [...registries.map(accountOf), ...sites.map(siteAccountOf)])}${
    sites.length === 0 ? "" : `
      # Sites write their own sources, and read everything.
${sites.map((site) => exported(ownSiteSubjects(site), siteAccountOf(site))).join("\n")}
${sharedExports(siteSubjects, sites.map(siteAccountOf))}`
  }
    ]
  }

  # The server answers requests to $JS.API.STREAM and $JS.API.CONSUMER from the account's own JetStream, of which these
  # accounts have none. So what a collector asks is led to the imports. (To DIRECT.GET and publishes this does not apply.)
${registries.map((registry) => account(registry, key(registry))).join("\n")}${
    sites.map((site) => `
${siteAccount(site, key(siteUser(site)))}`).join("")
  }
}
`;
}

function accountOf(registry: RegistryToken): string {
  return registry.toUpperCase();
}

/** The user of a site, by which its key is named. */
export function siteUser(site: string): string {
  return `site-${site}`;
}

function siteAccountOf(site: string): string {
  return `SITE_${site.toUpperCase()}`;
}

function exported(subjects: readonly string[], account: string): string {
  return subjects.map((subject) => `      { service: "${subject}", accounts: [ ${account} ] }`).join("\n");
}

function sharedExports(shared: typeof sharedSubjects, accounts: readonly string[]): string {
  return shared.map(([subject, isStream]) =>
    `      { service: "${subject}",${isStream ? " response_type: stream," : ""} accounts: [ ${
      accounts.join(", ")
    } ] }`
  ).join("\n");
}
function account(registry: RegistryToken, publicKey: string): string {
  const imported = [...ownSubjects(registry), ...sharedSubjects.map(([subject]) => subject)].map((subject) =>
    importOf(subject, /^\$JS\.API\.(?:STREAM|CONSUMER)\./.test(subject))
  );
  return `  ${accountOf(registry)} {
    mappings: {
      "$JS.API.STREAM.INFO.*": "$MESH.API.STREAM.INFO.$1"
      "$JS.API.CONSUMER.>": "$MESH.API.CONSUMER.>"
    }
    users: [ { nkey: ${publicKey} } ]
    imports: [
${imported.join("\n")}
    ]
  }`;
}

/** The names that {@link siteConf} lets pass a leaf, in place of those that none lets pass. */
function siteAccount(site: string, publicKey: string): string {
  const subjects = [
    ...ownSiteSubjects(site),
    ...[...sharedSubjects, ...siteSubjects].map(([subject]) => subject),
  ];
  return `  # The site ${site}, whose nats-server is a leaf node: there site-${site}.conf gives these names to $JS.API and $KV.
  ${siteAccountOf(site)} {
    users: [ { nkey: ${publicKey} } ]
    imports: [
${subjects.map((subject) => importOf(subject, subject.startsWith("$"))).join("\n")}
    ]
  }`;
}

function importOf(subject: string, isMapped: boolean): string {
  // $JS.API.… becomes $MESH.API.…, and $KV.… becomes $MESH.KV.….
  const to = isMapped ? `, to: "$MESH.${subject.replace(/^\$(?:JS\.)?/, "")}"` : "";
  return `      { service: { account: MESH, subject: "${subject}" }${to} }`;
}

/** What a site's nats-server needs to know to be a leaf of the hub's. */
export interface SiteLink {
  readonly site: string;
  /** The private key of its user. */
  readonly seed: string;
  /** Where the hub takes leaf nodes; `tls://host:7422`. */
  readonly hub: string;
  /** PEM file of the authority that signed the hub's certificate, as the site's nats-server finds it. */
  readonly caFile: string;
}

/** The configuration of a site's nats-server: a leaf node, without JetStream of its own, that processes of the site use. */
export function siteConf({ site, seed, hub, caFile }: SiteLink): string {
  return `# Made by \`meshctl nats-accounts\`: the nats-server of the site ${site}, a leaf of the hub's. It holds the site's private key.

server_name: "site-${site}"
# Whoever reaches this port may do what the site may.
listen: 127.0.0.1:4222
max_payload: 8MB
max_pending: 64MB

# A leaf lets neither of these subjects pass under its own name.
mappings: {
  "$JS.API.>": "$MESH.API.>"
  "$KV.>": "$MESH.KV.>"
}

leafnodes {
  remotes: [
    {
      urls: [ "${hub}" ]
      nkey: ${seed}
      tls { ca_file: "${caFile}" }
    }
  ]
}
`;
}

function lines(indent: number, subjects: readonly string[]): string {
  return subjects.map((subject) => `${" ".repeat(indent)}"${subject}"`).join("\n");
}
