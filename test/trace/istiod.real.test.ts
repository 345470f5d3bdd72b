import { describe, expect, onTestFinished, test } from "vitest";
import { recordOf, startApi } from "../../services/aggregator/api/api-rig.ts";
import { Trace } from "../../shared/api/trace.ts";
import { requireReal } from "../servers/find.ts";
import { freePort } from "../servers/free-port.ts";
import { startIstiod } from "../servers/istiod.ts";

const soon = { timeout: 30_000 };

describe.each(["latest", "1.22"] as const)("a trace and istiod %s", (version) => {
  const { skip } = requireReal(`istiod-${version}`);

  test.skipIf(skip)("says whether istiod has the version that is served", async () => {
    const httpPort = await freePort();
    const { ask, aggregator, publish } = await startApi([recordOf("orders"), recordOf("carts")], {
      istiod: { debug: [`http://127.0.0.1:${httpPort}`] },
    });
    const istiodCodes = async (service: string) => {
      const { stages } = await ask(`/trace?service=${service}`, Trace);
      return stages.at(-1)?.verdicts.map(({ code }) => code).join(" ");
    };
    await expect.poll(() => istiodCodes("shop/orders"), soon).toBe("MR2704");
    const istiod = await startIstiod({ version, httpPort, mcpAddresses: [...aggregator.xdsAddresses] });
    onTestFinished(() => istiod[Symbol.asyncDispose]());
    for (const service of ["shop/orders", "shop/carts"]) {
      await expect.poll(() => istiodCodes(service), soon).toBe("MR2701");
    }
    await publish(recordOf("orders", { addresses: ["10.0.0.9"] }));
    await expect.poll(() => aggregator.cache.get("ServiceEntry", "shop/orders")?.endpoints, soon).toBe(1);
    await expect.poll(() => istiodCodes("shop/orders"), soon).toBe("MR2701");
  });
});
