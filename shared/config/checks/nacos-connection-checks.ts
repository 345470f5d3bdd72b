import { unexpected } from "../config-issue.ts";
import type { KeyPath } from "../config-issue.ts";
import type { Config } from "../schema/schema.ts";
import { nacosServersOf } from "../sources.ts";
import type { NacosServer } from "../sources.ts";
import { always, own } from "./contradiction.ts";
import type { Contradiction } from "./contradiction.ts";

const modes: ReadonlySet<string> = new Set(["watching", "polling", "auto"]);

/** What is wrong with how a Nacos source reaches its servers. A disabled source isn't looked at. */
export function checkNacosConnection(source: Config["nacosSource"]): Contradiction[] {
  if (!source.enabled) return [];
  const { mode, driver, tls, requestTimeout, generation, servers } = source;
  const found: Contradiction[] = [];
  const modePath = ["nacosSource", "mode"];
  if (!modes.has(mode)) {
    const message = unexpected('"watching", "polling" or "auto"', mode, modePath);
    found.push(own(modePath, `${message}, which is taken for polling`));
  }
  if (mode === "watching" && generation === 1) {
    found.push(
      always(modePath, "Nacos 1 has no push over gRPC: set mode to polling, or leave generation out"),
    );
  }
  if (driver === "package") {
    const path = ["nacosSource", "driver"];
    if (mode === "watching") {
      found.push(always(path, "the package polls and has no gRPC: set mode to polling, or driver to pure"));
    }
    if (generation === 3) {
      found.push(always(path, "Nacos 3 tells nothing by UDP: set driver to pure, which has push over gRPC"));
    }
    if (tls !== undefined && tls.caFile + tls.certFile !== "") {
      found.push(always(path, "the package knows no certificates of ours: set driver to pure"));
    }
  }
  if (requestTimeout <= 0) {
    found.push(always(["nacosSource", "requestTimeout"], "expected a duration above 0"));
  }
  return found.concat(
    nacosServersOf(source).flatMap((server, index) =>
      checkCredentials(servers.length === 0 ? ["nacosSource"] : ["nacosSource", "servers", index], server)
    ),
  );
}

function checkCredentials(path: KeyPath, server: NacosServer): Contradiction[] {
  const { username, password, accessKey, secretKey, signingRegion, securityToken } = server;
  const found: Contradiction[] = [];
  if (username === "" && password !== "") {
    found.push(own([...path, "username"], "expected a user name because password is set, found nothing"));
  }
  if ((accessKey === "") !== (secretKey === "")) {
    const missing = accessKey === "" ? "accessKey" : "secretKey";
    found.push(
      always([...path, missing], "expected accessKey and secretKey together, found only the other one"),
    );
  }
  if (accessKey !== "" && username !== "") {
    found.push(always([...path, "accessKey"], "expected a user or an access key, found both"));
  }
  if (accessKey === "" && (signingRegion !== "" || securityToken !== "")) {
    found.push(
      own(
        [...path, signingRegion === "" ? "securityToken" : "signingRegion"],
        "has no effect without accessKey",
      ),
    );
  }
  return found;
}
