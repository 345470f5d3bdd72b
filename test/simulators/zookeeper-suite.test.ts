import { SimulatedZooKeeper } from "../../shared/simulators/zookeeper/server.ts";
import { ZooKeeperClient } from "../../shared/zookeeper/client.ts";
import { zooKeeperSuite } from "./zookeeper-suite.ts";

zooKeeperSuite("The simulated ZooKeeper", {
  start: async () => {
    const server = new SimulatedZooKeeper();
    const address = await server.listen("127.0.0.1:0");
    return { address, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  },
  open: (options) => new ZooKeeperClient(options),
  hasTreeWatches: true,
  crowd: 100_000,
});
