import { demoAddress, runShop } from "./demo-services.ts";
import type { DemoRegistry, DemoService } from "./demo-services.ts";
import { SimulatedZooKeeper } from "../zookeeper/server.ts";
import type { ZooKeeperTree } from "../zookeeper/tree.ts";

/** How a service of the shop is written in Dubbo. */
interface DubboSide {
  readonly interface: string;
  readonly methods: string;
  readonly group?: string;
  readonly version?: string;
  /** Default: dubbo. */
  readonly protocol?: "tri";
  /** The services that it calls. */
  readonly calls: readonly string[];
}

/** The shop in Dubbo, by the names of its services, which are applications. */
const dubboShop: Readonly<Record<string, DubboSide>> = {
  storefront: {
    interface: "com.shop.web.PageService",
    methods: "render",
    calls: ["catalog", "search", "cart", "users", "reviews"],
  },
  catalog: {
    interface: "com.shop.catalog.ArticleService",
    methods: "find,list",
    calls: ["pricing", "inventory"],
  },
  search: { interface: "com.shop.search.SearchService", methods: "search,suggest", calls: ["catalog"] },
  cart: {
    interface: "com.shop.cart.CartService",
    methods: "add,get,remove",
    version: "1.0.0",
    calls: ["pricing"],
  },
  orders: {
    interface: "com.shop.order.OrderService",
    methods: "cancel,find,place",
    version: "2.1.0",
    calls: ["cart", "payment", "shipping", "users", "mailer"],
  },
  payment: {
    interface: "com.shop.payment.PaymentService",
    methods: "charge,refund",
    version: "1.0.0",
    protocol: "tri",
    calls: [],
  },
  shipping: {
    interface: "com.shop.shipping.ParcelService",
    methods: "send,track",
    group: "eu",
    calls: ["mailer"],
  },
  inventory: { interface: "com.shop.stock.StockService", methods: "available,reserve", calls: [] },
  pricing: {
    interface: "com.shop.price.PriceService",
    methods: "price",
    group: "eu",
    version: "1.0.0",
    calls: [],
  },
  reviews: { interface: "com.shop.review.ReviewService", methods: "list,write", calls: ["users"] },
  users: { interface: "com.shop.user.UserService", methods: "find,login", version: "1.0.0", calls: [] },
  mailer: { interface: "com.shop.mail.MailService", methods: "send", calls: [] },
};

const ports = { dubbo: 20_880, tri: 50_051 };

/** The folders that Dubbo makes for every interface. */
const folders = ["providers", "consumers", "configurators", "routers"] as const;

/** A running demo. Disposing of it ends the server; the signal that it was given ends its changes. */
export interface ZooKeeperDemo extends AsyncDisposable {
  readonly server: SimulatedZooKeeper;
  /** `host:port`, for `zookeeperSource.address`. */
  readonly address: string;
}

/**
 * Starts a ZooKeeper server in this process in which the shop's Dubbo applications provide a dozen interfaces and
 * consume each other's, and lets them scale, go and come back every `pauseMs`.
 * @param listen `host:port`; port 0 for any @throws MeshError `address-in-use`
 */
export async function startZooKeeperDemo(
  pauseMs: number,
  signal: AbortSignal,
  listen = "127.0.0.1:0",
): Promise<ZooKeeperDemo> {
  const server = new SimulatedZooKeeper();
  const address = await server.listen(listen);
  void runShop(dubboRegistry(server.tree), pauseMs, signal);
  return { server, address, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Registers instances as Dubbo does: what an instance creates belongs to a session, and goes with it. */
function dubboRegistry(tree: ZooKeeperTree): DemoRegistry {
  return {
    register(service, number) {
      const side = dubboShop[service.name];
      if (side === undefined) return;
      const owner = sessionOf(service, number);
      const node = (side: DubboSide, folder: (typeof folders)[number], url: string) => {
        for (const name of folders) tree.ensure(`/dubbo/${side.interface}/${name}`);
        const path = `/dubbo/${side.interface}/${folder}/${encodeURIComponent(url)}`;
        tree.create(path, undefined, { ephemeralOwner: owner });
      };
      node(side, "providers", providerUrl(service, side, number));
      for (const name of side.calls) {
        const called = dubboShop[name];
        if (called !== undefined) node(called, "consumers", consumerUrl(service, called, number));
      }
    },
    deregister: (service, number) => tree.deleteEphemerals(sessionOf(service, number)),
  };
}

/** Ids that no client's session has: those are large. */
function sessionOf({ place }: DemoService, number: number): bigint {
  return BigInt(place * 1_000 + number);
}

function providerUrl(service: DemoService, side: DubboSide, number: number): string {
  const protocol = side.protocol ?? "dubbo";
  const parameters = {
    application: service.name,
    dubbo: "2.0.2",
    // Every third instance is a new version that takes little traffic yet.
    ...(number % 3 === 0 ? { "dubbo.tag": "gray" } : {}),
    ...identity(side),
    methods: side.methods,
    release: "3.3.6",
    side: "provider",
    timestamp: String(Date.now()),
    ...(number % 3 === 0 ? { weight: "20" } : {}),
  };
  return url(
    `${protocol}://${demoAddress(service, number)}:${ports[protocol]}/${side.interface}`,
    parameters,
  );
}

function consumerUrl(service: DemoService, called: DubboSide, number: number): string {
  return url(`consumer://${demoAddress(service, number)}/${called.interface}`, {
    application: service.name,
    category: "consumers",
    dubbo: "2.0.2",
    ...identity(called),
    release: "3.3.6",
    side: "consumer",
    timestamp: String(Date.now()),
  });
}

/** What a service is called by, beside its application. */
function identity({ interface: name, group, version }: DubboSide): Readonly<Record<string, string>> {
  return {
    ...(group === undefined ? {} : { group }),
    interface: name,
    ...(version === undefined ? {} : { version }),
  };
}

function url(base: string, parameters: Readonly<Record<string, string>>): string {
  return `${base}?${Object.entries(parameters).map(([key, value]) => `${key}=${value}`).join("&")}`;
}
