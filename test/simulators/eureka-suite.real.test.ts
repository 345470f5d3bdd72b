import { describe } from "vitest";
import { eurekaSuite } from "./eureka-suite.ts";
import { startEureka } from "../servers/eureka.ts";
import { requireReal } from "../servers/find.ts";

describe.skipIf(requireReal("eureka").skip)("With a real server", () => {
  eurekaSuite("Eureka", startEureka);
});
