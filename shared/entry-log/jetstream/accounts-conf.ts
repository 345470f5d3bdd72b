/** A user's public key (`U…`), by the user's name: `aggregator`, `tap`, or a registry's. */
export type PublicKeys = ReadonlyMap<string, string>;

/** The registries whose collectors may get an account, by the token that their subjects have. */
export const registryTokens = ["eureka", "zookeeper", "nacos", "kubernetes"] as const;
export type RegistryToken = (typeof registryTokens)[number];

const leases = "MESH_ENTRIES_COLLECTORS";
const addresses = "MESH_ENTRIES_ADDRESSES";
const facts = "MESH_ENTRIES_FACTS";

/**
 * The accounts of a nats-server: one in which the streams live, with the aggregator and the tap, and one for each
 * registry's collectors. A collector can then write and follow the subjects of its registry and nothing else.
 *
 * Publish permissions alone would not do, in one account: whoever may ask JetStream anything can name a subject of the
 * stream as the place of the answer, and the server then stores its answer there. Between accounts a reply only reaches
 * the client that asked.
 *
 * @param registries those that have collectors
 * @param keys of `aggregator`, `tap` and each registry @throws Error if one is missing
 */
export function accountsConf(registries: readonly RegistryToken[], keys: PublicKeys): string {
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
      # and asks collectors to release what they hold. To retire a source it would have to write "mesh.entries.>", too.
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
${registries.map((registry) => exportsOf(registry)).join("\n")}
      # What all collectors ask. A collector reads back what it has published, and pulls what is new: many messages for one
      # request. Names of consumers are random and nobody may list them, so it gets and deletes its own only.
${sharedExports(registries.map(accountOf).join(", "))}
    ]
  }

  # The server answers requests to $JS.API.STREAM and $JS.API.CONSUMER from the account's own JetStream, of which these
  # accounts have none. So what a collector asks is led to the imports. (To DIRECT.GET and publishes this does not apply.)
${registries.map((registry) => account(registry, key(registry))).join("\n")}
}
`;
}

function accountOf(registry: RegistryToken): string {
  return registry.toUpperCase();
}

/** The subjects that an aggregator publishes: requests to JetStream, and what it keeps in buckets. */
export function aggregatorSubjects(): readonly string[] {
  const reads = (stream: string, filter: string) => [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.CREATE.${stream}`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    `$JS.API.CONSUMER.CREATE.${stream}.*.${filter}`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
  ];
  return [
    ...reads("MESH_ENTRIES", "mesh.entries.>"),
    ...reads(facts, "mesh.facts.>"),
    `$KV.${addresses}.>`,
    ...reads(`KV_${addresses}`, `$KV.${addresses}.>`),
    `$KV.${leases}.release.>`,
    `$KV.${leases}.ask.>`,
    `$KV.${leases}.shards.>`,
    ...reads(`KV_${leases}`, `$KV.${leases}.>`),
  ];
}

/**
 * What the collectors of a registry write and follow: its own entries and leases. That of Kubernetes reads files, too, and
 * publishes what is known of pods.
 */
function ownSubjects(registry: RegistryToken): readonly string[] {
  if (registry !== "kubernetes") return subjectsOf(registry);
  return [...subjectsOf(registry), ...subjectsOf("files"), "mesh.facts.>"];
}

function subjectsOf(registry: RegistryToken | "files"): readonly string[] {
  const entries = `mesh.entries.*.${registry}.>`;
  const own = `$KV.${leases}.*.${registry}.>`;
  return [
    entries,
    `$JS.API.CONSUMER.CREATE.MESH_ENTRIES.*.${entries}`,
    own,
    `$JS.API.CONSUMER.CREATE.KV_${leases}.*.${own}`,
  ];
}

const streams = ["MESH_ENTRIES", facts, `KV_${leases}`] as const;

/** What every collector asks, and whether the answer is a stream of messages. */
const sharedSubjects: readonly (readonly [subject: string, isStream: boolean])[] = [
  ...streams.map((stream) => [`$JS.API.STREAM.INFO.${stream}`, false] as const),
  ...streams.map((stream) => [`$JS.API.DIRECT.GET.${stream}`, true] as const),
  ...streams.map((stream) => [`$JS.API.CONSUMER.MSG.NEXT.${stream}.*`, true] as const),
  ...streams.map((stream) => [`$JS.API.CONSUMER.DELETE.${stream}.*`, false] as const),
  // Labels of pods are for the collectors of all registries.
  [`$JS.API.CONSUMER.CREATE.${facts}.*.mesh.facts.>`, false],
];

function exportsOf(registry: RegistryToken): string {
  return ownSubjects(registry)
    .map((subject) => `      { service: "${subject}", accounts: [ ${accountOf(registry)} ] }`)
    .join("\n");
}

function sharedExports(accounts: string): string {
  return sharedSubjects.map(([subject, isStream]) =>
    `      { service: "${subject}",${isStream ? " response_type: stream," : ""} accounts: [ ${accounts} ] }`
  ).join("\n");
}

function account(registry: RegistryToken, publicKey: string): string {
  const imported = [...ownSubjects(registry), ...sharedSubjects.map(([subject]) => subject)].map(
    (subject) => {
      const isMapped = /^\$JS\.API\.(?:STREAM|CONSUMER)\./.test(subject);
      const to = isMapped ? `, to: "${subject.replace("$JS", "$MESH")}"` : "";
      return `      { service: { account: MESH, subject: "${subject}" }${to} }`;
    },
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

function lines(indent: number, subjects: readonly string[]): string {
  return subjects.map((subject) => `${" ".repeat(indent)}"${subject}"`).join("\n");
}
