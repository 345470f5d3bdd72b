import { describe, expect, test } from "vitest";
import { nodeOf, openStream } from "./grpc-client-rig.ts";
import { Served, typeUrl } from "./served-rig.ts";

describe("which dialect a stream speaks", () => {
  const clock = "2026-11-22 16:00:00.1 +0000 UTC m=+0.1";
  test.each(
    [
      ["auto", false, {}, "", "stateOfTheWorld"],
      ["auto", true, {}, "", "incremental"],
      ["auto", true, {}, clock, "stateOfTheWorld"],
      ["auto", false, { MESHREGISTRY_DIALECT: "incremental" }, "", "incremental"],
      ["auto", true, { MESHREGISTRY_DIALECT: "stateOfTheWorld" }, "", "stateOfTheWorld"],
      ["incremental", false, {}, "", "incremental"],
      ["incremental", false, {}, clock, "stateOfTheWorld"],
      ["stateOfTheWorld", true, { MESHREGISTRY_DIALECT: "incremental" }, "", "stateOfTheWorld"],
    ] as const,
  )(
    "listener %s, enableIncPush %s, metadata %j, first nonce %j: %s",
    async (dialect, enableIncPush, metadata, responseNonce, expected) => {
      const served = await Served.start({ enableIncPush }, { dialect });
      const call = openStream(served.address);
      call.send({ typeUrl, node: nodeOf(metadata), responseNonce });
      await call.next();
      expect(served.client["dialect"]).toBe(expected);
    },
  );
});
