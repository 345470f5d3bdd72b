import { describe, expect, test } from "vitest";
import { ConfigSchema } from "../../../shared/config/mod.ts";
import type { ConfigInput } from "../../../shared/config/mod.ts";
import { listenersOf } from "./listeners.ts";

const listeners = (config: ConfigInput, remembered?: number) =>
  listenersOf(ConfigSchema.parse(config), remembered);

describe("listenersOf", () => {
  test("by default there is one, on all addresses", () => {
    const { grpc, http } = listeners({});
    expect(grpc).toEqual([{ address: "0.0.0.0:16010", shard: undefined, trustsShards: false }]);
    expect(http).toEqual([]);
  });

  test("shards are on consecutive ports", () => {
    const { grpc } = listeners({
      mcp: { serverUrl: "xds://[::1]:16010" },
      xds: { shards: 3, trustShards: true },
    });
    expect(grpc).toEqual([0, 1, 2].map((index) => ({
      address: `[::1]:${16010 + index}`,
      shard: { index, of: 3 },
      trustsShards: true,
    })));
  });

  test("the ports of shards that are gone stay, with no part", () => {
    const { grpc } = listeners({ xds: { shards: 1, formerShards: 3 } });
    expect(grpc.map(({ address, shard }) => [address, shard])).toEqual(
      [0, 1, 2].map((index) => [`0.0.0.0:${16010 + index}`, { index, of: 1 }]),
    );
    expect(listeners({ xds: { shards: 4, formerShards: 3 } }).grpc).toHaveLength(4);
  });

  test("so do those of remembered shards, as optional ones, unless a setting says otherwise", () => {
    const grpc = (xds: ConfigInput["xds"], remembered: number, serverUrl = "xds://0.0.0.0:16010") =>
      listeners({ mcp: { serverUrl }, xds }, remembered).grpc;
    expect(grpc({ shards: 2 }, 4).map(({ shard, isOptional }) => [shard, isOptional])).toEqual([
      [{ index: 0, of: 2 }, undefined],
      [{ index: 1, of: 2 }, undefined],
      [{ index: 2, of: 2 }, true],
      [{ index: 3, of: 2 }, true],
    ]);
    expect(grpc({ shards: 4 }, 2)).toHaveLength(4);
    expect(grpc({ shards: 2, formerShards: 3 }, 4)).toHaveLength(3);
    expect(grpc({ shards: 2, trustShards: true }, 4)).toHaveLength(2);
    expect(grpc({ shards: 2 }, 4, "xds://0.0.0.0:0")).toHaveLength(2);
    expect(grpc({ shards: 2 }, 4, "xds://0.0.0.0:65533")).toHaveLength(2);
    expect(grpc({ shards: 2 }, 257)).toHaveLength(2);
  });

  test("port 0, or none, takes free ones", () => {
    for (const serverUrl of ["xds://127.0.0.1:0", "xds://127.0.0.1"]) {
      const { grpc } = listeners({ mcp: { serverUrl }, xds: { shards: 2 } });
      expect(grpc.map(({ address }) => address)).toEqual(["127.0.0.1:0", "127.0.0.1:0"]);
    }
  });

  test("further listeners have their own dialect and filters", () => {
    const { grpc, http } = listeners({
      xds: {
        listeners: [
          { address: "xds://0.0.0.0:16110", dialect: "incremental", revision: "canary" },
          { address: "http://0.0.0.0:8432", namespaces: ["a"], registries: ["eureka"] },
        ],
      },
    });
    const none = { revision: "", namespaces: [], registries: [] };
    expect(grpc[1]).toEqual({
      ...none,
      address: "0.0.0.0:16110",
      dialect: "incremental",
      revision: "canary",
    });
    expect(http).toEqual([{
      ...none,
      address: "0.0.0.0:8432",
      intervalMs: 60_000,
      typeUrls: [],
      namespaces: ["a"],
      registries: ["eureka"],
    }]);
  });

  test("slime's URL of long polling, with its settings", () => {
    const serverUrl = "http://127.0.0.1?pollInterval=5s&resource=a/v1/B&resource=c/v1/D";
    const { grpc, http } = listeners({ mcp: { serverUrl } });
    expect(grpc).toEqual([]);
    expect(http).toMatchObject([{
      address: "127.0.0.1:8432",
      intervalMs: 5000,
      typeUrls: ["a/v1/B", "c/v1/D"],
    }]);
  });

  test.each<[ConfigInput, RegExp]>([
    [{ mcp: { serverUrl: "xds://17010" } }, /17010 is no host; did you mean xds:\/\/0\.0\.0\.0:17010\?/],
    [{ mcp: { serverUrl: "xds://u:pa#ss@a:b" } }, /"xds:\/\/\*\*\*@a:b": expected xds:/],
    [{ mcp: { serverUrl: "grpc://a:1" } }, /mcp\.serverUrl "grpc:\/\/a:1": expected xds:/],
    [{ mcp: { serverUrl: "xds://a:65530" }, xds: { shards: 8 } }, /no 8 ports from 65530 on/],
    [{ mcp: { serverUrl: "http://a:80" }, xds: { shards: 2 } }, /xds\.shards can't be spread over http/],
    [{ mcp: { serverUrl: "http://a:80?pollInterval=5" } }, /pollInterval/],
    [{ xds: { listeners: [{ address: "a:1" }] } }, /xds\.listeners\[0\]\.address "a:1"/],
  ])("%j can't be served", (config, message) => {
    expect(() => listeners(config)).toThrow(message);
  });
});
