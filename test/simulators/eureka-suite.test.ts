import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { eurekaSuite } from "./eureka-suite.ts";
import { EurekaWriter } from "../servers/eureka-client.ts";

eurekaSuite("The simulated Eureka server", async () => {
  const server = new EurekaServer();
  const url = await server.listen("127.0.0.1:0");
  return { url, writer: new EurekaWriter(url), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
});
