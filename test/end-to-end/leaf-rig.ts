import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, nkeyAuthenticator, nkeys } from "@nats-io/transport-node";
import type { NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import { onTestFinished } from "vitest";
import { accountsConf, siteConf, siteUser } from "../../shared/entry-log/jetstream/accounts-conf.ts";
import { TcpProxy } from "../../shared/entry-log/jetstream/tcp-proxy-rig.ts";
import { EurekaRegistry } from "../../shared/simulators/eureka/registry.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { selfSignedCertificate } from "../servers/certificate.ts";
import { freePort } from "../servers/free-port.ts";
import { startNats } from "../servers/nats.ts";
import type { NatsServer } from "../servers/nats.ts";
import { startService } from "./services.ts";
import type { Service, TestConfig } from "./services.ts";
import { XdsObserver } from "./xds-observer.ts";

/** The two nats-servers of a hub and a site, and how one comes to them. */
export interface LinkedServers {
  /** What the hub's services have in their configuration. */
  readonly hubNats: TestConfig;
  /** What the site's process has there. */
  readonly siteNats: TestConfig;
  /** Where the site's sources belong in its configuration. */
  readonly sources: (source: TestConfig) => TestConfig;
  /** A connection that may look at the hub's stream. */
  readonly connectHub: () => Promise<NatsConnection>;
  readonly leaf: NatsServer;
  readonly link: TcpProxy;
}

/** One account, no keys, no TLS. */
export async function plainServers(stack: AsyncDisposableStack): Promise<LinkedServers> {
  const leafPort = await freePort();
  const hub = stack.use(
    await startNats({
      domain: "hub",
      config: `server_name: hub\nleafnodes { listen: "127.0.0.1:${leafPort}", no_advertise: true }`,
    }),
  );
  const link = stack.use(await TcpProxy.start(leafPort));
  const leaf = stack.use(
    await startNats({
      jetStream: false,
      // A leaf lets neither of these subjects pass under its own name.
      config: `server_name: edge
        mappings: { "$JS.API.>": "$JS.hub.API.>", "$KV.>": "$JS.hub.API.$KV.>" }
        leafnodes { reconnect: 1s, remotes: [{ urls: ["nats-leaf://127.0.0.1:${link.port}"] }] }`,
    }),
  );
  return {
    hubNats: { servers: [hub.url] },
    siteNats: { servers: [leaf.url] },
    sources: (source) => ({ eurekaSource: source }),
    connectHub: () => connect({ servers: hub.url }),
    leaf,
    link,
  };
}

/** The name of the site that {@link securedServers} has an account for. */
export const siteName = "paris";

/** As production has them: the accounts, keys and site configuration of `meshctl nats-accounts`, and TLS on all ports. */
export async function securedServers(
  stack: AsyncDisposableStack,
  folder: string,
): Promise<LinkedServers> {
  const users = ["aggregator", "tap", "eureka", siteUser(siteName)];
  const pairs = new Map(users.map((user) => [user, nkeys.createUser()]));
  const seedOf = (user: string) => pairs.get(user)?.getSeed() ?? new Uint8Array();
  const accounts = accountsConf(
    ["eureka"],
    new Map([...pairs].map(([user, pair]) => [user, pair.getPublicKey()])),
    [siteName],
  );
  const { cert, key } = selfSignedCertificate();
  const [certFile, keyFile, seedFile] = ["hub.crt", "hub.key", "aggregator.seed"].map((name) =>
    join(folder, name)
  );
  if (certFile === undefined || keyFile === undefined || seedFile === undefined) throw new Error("no files");
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  writeFileSync(seedFile, seedOf("aggregator"));
  const leafPort = await freePort();
  const tls = `tls { cert_file: "${certFile}", key_file: "${keyFile}" }`;
  const hub = stack.use(
    await startNats({
      config: `server_name: hub\n${tls}
        leafnodes { listen: "127.0.0.1:${leafPort}", no_advertise: true, ${tls} }\n${accounts}`,
    }),
  );
  const link = stack.use(await TcpProxy.start(leafPort));
  const seed = new TextDecoder().decode(seedOf(siteUser(siteName)));
  const conf = siteConf({ site: siteName, seed, hub: `tls://localhost:${link.port}`, caFile: certFile });
  // The ports are the test's, and so is the pause between attempts.
  const config = conf.replace(/^listen: .*$/m, "").replace("leafnodes {", "leafnodes {\n  reconnect: 1s");
  const leaf = stack.use(await startNats({ jetStream: false, config }));
  const servers = [hub.url.replace("nats://127.0.0.1", "tls://localhost")];
  const asAggregator: NodeConnectionOptions = {
    servers,
    tls: { caFile: certFile },
    authenticator: nkeyAuthenticator(seedOf("aggregator")),
  };
  return {
    hubNats: { servers, nkeySeedFile: seedFile, tls: { caFile: certFile } },
    siteNats: { servers: [leaf.url] },
    sources: (source) => ({ eurekaSources: { [siteName]: source } }),
    connectHub: () => connect(asAggregator),
    leaf,
    link,
  };
}

/** A site at the edge and the hub, with a Eureka at the site. */
export interface Sites {
  readonly servers: LinkedServers;
  readonly registry: EurekaRegistry;
  readonly register: (service: number, instance?: number) => void;
  readonly edge: Service;
  readonly central: Service;
  /** Clients of the site's process and of the hub's aggregator. */
  readonly observers: readonly XdsObserver[];
  readonly cut: (isCut: boolean) => void;
  /** How many messages the stream has ever stored. */
  readonly stored: () => Promise<number>;
}

/**
 * Two real nats-servers, of which the site's has no JetStream and is a leaf of the hub's. At the site one process reads the
 * registry and serves; at the hub an aggregator serves the same stream.
 *
 * @param services so many are registered at first, with an instance each
 */
export async function startSites(
  start: (stack: AsyncDisposableStack, folder: string) => Promise<LinkedServers>,
  services: number,
): Promise<Sites> {
  const stack = new AsyncDisposableStack();
  onTestFinished(async () => await stack.disposeAsync());
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-leaf-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const servers = await start(stack, folder);
  const { hubNats, siteNats, sources, link } = servers;
  const registry = new EurekaRegistry();
  const register = (service: number, instance = 1) => {
    const address = `10.${instance}.${service >> 8}.${service & 255}`;
    registry.register(`SERVICE-${service}`, {
      instanceId: `${address}:8080`,
      hostName: address,
      ipAddr: address,
      port: { $: 8080, "@enabled": "true" },
      status: "UP",
    });
  };
  for (let service = 0; service < services; service++) register(service);
  const server = stack.use(new EurekaServer(registry));
  const source = sources({
    enabled: true,
    address: [await server.listen("127.0.0.1:0")],
    deltaPeriod: "200ms",
    refreshPeriod: "1s",
  });
  // The hub's first: it makes the streams.
  const central = stack.use(await startService("aggregator", { nats: hubNats, ...source }));
  const manager = await jetstreamManager(
    stack.adopt(await servers.connectHub(), (it) => it.close()),
    { checkAPI: false },
  );
  const edge = stack.use(
    await startService("all-in-one", { nats: siteNats, ...source, state: { folder, interval: "1s" } }),
  );
  const observers = [edge, central].map((service) => stack.use(new XdsObserver(service.xdsAddress)));
  return {
    servers,
    registry,
    register,
    edge,
    central,
    observers,
    cut: (isCut) => {
      link.closed = isCut;
      if (isCut) link.cut();
    },
    stored: async () => (await manager.streams.info("MESH_ENTRIES")).state.last_seq,
  };
}
