import { describe, expect, test } from "vitest";
import { startEnvoy, startIstiodForEnvoy } from "./envoy.ts";
import { requireReal } from "./find.ts";
import { startMcpStub } from "./mcp-stub.ts";

const patience = { timeout: 30_000 };

describe.each(["latest", "1.22"] as const)("startEnvoy() at istiod %s", (version) => {
  const { skip } = requireReal("envoy", `istiod-${version}`);

  test.skipIf(skip).each(["delta", "stateOfTheWorld"] as const)(
    "a sidecar over %s counts what it rejects",
    async (protocol) => {
      const good = { host: "good.test", addresses: ["10.1.0.1"] };
      const cluster = "outbound|80||good.test";
      await using stub = await startMcpStub([good]);
      await using istiod = await startIstiodForEnvoy({ version, mcpAddresses: [stub.address] });
      await using envoy = await startEnvoy(istiod, protocol);
      await expect.poll(() => envoy.endpointsOf(cluster), patience).toEqual(["10.1.0.1:8080"]);
      expect(await envoy.rejectedUpdates()).toEqual({});
      expect(await envoy.endpointsOf("outbound|80||other.test")).toBeUndefined();

      // The zone is of no interface here. istiod lets it pass; Envoy rejects whatever it is sent along with it.
      stub.set([good, { host: "bad.test", addresses: ["fe80::1%en0"] }]);

      await expect.poll(async () => Object.keys(await envoy.rejectedUpdates()).join(), patience)
        .toMatch(/bad\.test.*good\.test/);
      expect(envoy.logTail()).toContain("fe80::1%en0");
    },
  );
});
